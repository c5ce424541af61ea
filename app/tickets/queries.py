"""Reads of tickets; every one starts at `visible_to(who)`, or at its raw twin on the hot paths."""

from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import audit, pages
from app.core.batch import Batch
from app.core.db import Database, Row, facts_of
from app.core.errors import AppError, Text
from app.core.ids import born, new_id
from app.core.pages import Page
from app.core.principals import Citizen, Officer, Principal
from app.tickets import workflow
from app.tickets.models import Photo, Ticket, TicketEvent, TicketPhoto
from app.tickets.schemas import TicketOut
from app.tickets.workflow import NoSuchTicket

PHOTOS_SQL = """
    array(SELECT photo_id FROM ticket_photo p WHERE p.ticket_id = t.id AND role = 'filed' ORDER BY photo_id) AS photo_ids,
    array(SELECT photo_id FROM ticket_photo p WHERE p.ticket_id = t.id AND role = 'proof' ORDER BY photo_id) AS proof_ids
"""

OWN_SQL = f"""
SELECT t.*, {PHOTOS_SQL}
FROM unnest($1::uuid[], $2::uuid[]) AS asked(id, citizen_id) JOIN ticket t USING (id, citizen_id)
"""

SEEN_SQL = f"""
WITH seen AS (SELECT t.*, {PHOTOS_SQL} FROM ticket t WHERE id = $1 AND {{visible}}), noted AS ({
    audit.NOTED_SQL.format(
        rows="seen",
        number=2,
        more="jsonb_build_object('account_id', seen.citizen_id, 'facts', jsonb_build_object('code', seen.code))",
    )
})
SELECT * FROM seen
"""

DAWN = datetime(2000, 1, 1, tzinfo=UTC)

INBOX_SQL = f"""
WITH page AS (
    SELECT t.*, {PHOTOS_SQL}, row_number() OVER (ORDER BY due_at, id) AS place FROM ticket t
    WHERE status IN ({", ".join(f"'{state}'" for state in workflow.OPEN)}) AND {{visible}}
        AND (due_at, id) > ($1::timestamptz, $2::uuid)
    ORDER BY due_at, id LIMIT $3
), noted AS ({
    audit.NOTED_SQL.format(
        rows="page JOIN unnest($5::uuid[]) WITH ORDINALITY AS made(entry_id, place) USING (place)",
        number=4,
        more="jsonb_build_object('id', made.entry_id, 'subject_id', page.id, 'account_id', page.citizen_id,"
        " 'facts', jsonb_build_object('code', page.code))",
    )
} WHERE NOT EXISTS (
        SELECT FROM audit_entry e WHERE e.account_id = page.citizen_id AND e.id > $6 AND e.action = said.action
            AND e.actor_id = said.actor_id AND e.subject_id = said.subject_id
    ))
SELECT * FROM page ORDER BY place
"""
"""Who is in the list can see that, once a day for each officer."""


class NoSuchPhoto(AppError):
    status, code = 404, "no-such-photo"
    title = Text("Không có ảnh này", "No such photo")


class PhotoUnusable(AppError):
    status, code = 422, "photo-unusable"
    title = Text("Không dùng được ảnh", "A photo cannot be used")
    detail = Text(
        "Có ảnh không tồn tại, không phải của bạn, hoặc đã dùng cho phản ánh khác.",
        "A photo does not exist, is not yours, or belongs to a ticket already.",
    )


def visible_to(who: Principal) -> Select[Ticket]:
    """Where every read starts, so that no query can forget who asks."""
    match who:
        case Citizen():
            return select(Ticket).where(Ticket.citizen_id == who.id)
        case Officer():
            where = who.where(workflow.SEE)
            mine = or_(Ticket.department_code.in_(where.departments), Ticket.area_code.in_(where.areas))
            return select(Ticket) if where.city else select(Ticket).where(mine)
        case _:
            return select(Ticket).where(false())


async def one(db: AsyncSession, who: Principal, ticket_id: UUID, *, lock: bool = False) -> Ticket:
    """Raises NoSuchTicket for what is not there and for what `who` may not see."""
    query = visible_to(who).where(Ticket.id == ticket_id)
    found = await db.scalar(query.with_for_update() if lock else query)
    if found is None:
        raise NoSuchTicket
    return found


async def own(db: AsyncSession, citizen: Citizen, cursor: str | None, limit: int) -> Sequence[Ticket]:
    """The citizen's tickets, newest first."""
    query = pages.after(visible_to(citizen), [(Ticket.id, UUID)], cursor, descending=True)
    return (await db.scalars(query.limit(limit + 1))).all()


async def count(db: AsyncSession, account_id: UUID) -> int:
    """Those of one citizen."""
    return await db.scalar(select(func.count()).where(Ticket.citizen_id == account_id)) or 0


async def events(db: AsyncSession, who: Principal, ticket_id: UUID) -> Sequence[TicketEvent]:
    await one(db, who, ticket_id)
    found = await db.scalars(select(TicketEvent).where(TicketEvent.ticket_id == ticket_id).order_by(TicketEvent.id))
    return found.all()


async def photos_of(db: AsyncSession, ticket_ids: Sequence[UUID]) -> dict[UUID, dict[str, list[UUID]]]:
    """Photo ids by ticket and role."""
    rows = await db.scalars(
        select(TicketPhoto).where(TicketPhoto.ticket_id.in_(ticket_ids)).order_by(TicketPhoto.photo_id)
    )
    found: dict[UUID, dict[str, list[UUID]]] = {ticket_id: {"filed": [], "proof": []} for ticket_id in ticket_ids}
    for row in rows:
        found[row.ticket_id][row.role].append(row.photo_id)
    return found


async def photo(db: AsyncSession, who: Citizen | Officer, photo_id: UUID) -> Photo:
    """A photo its owner took, or one of a ticket that `who` may see. Raises NoSuchPhoto."""
    seen = select(TicketPhoto.photo_id).where(TicketPhoto.ticket_id.in_(visible_to(who).with_only_columns(Ticket.id)))
    found = await db.scalar(
        select(Photo).where(
            Photo.id == photo_id,
            Photo.size > 0,
            (Photo.owner_id == who.id) | Photo.id.in_(seen.where(TicketPhoto.photo_id == photo_id)),
        )
    )
    if found is None:
        raise NoSuchPhoto
    return found


async def export(db: AsyncSession, account_id: UUID) -> AsyncGenerator[dict[str, Any]]:
    """A person's tickets, each with its history and the names of its pictures."""
    async for row in pages.walk(db, select(Ticket).where(Ticket.citizen_id == account_id), Ticket.id):
        ticket: Ticket = row[0]
        events = await db.scalars(
            select(TicketEvent).where(TicketEvent.ticket_id == ticket.id).order_by(TicketEvent.id)
        )
        history = [facts_of(event, "ticket_id", "officer_id") for event in events]
        photos = (await photos_of(db, [ticket.id]))[ticket.id]
        yield facts_of(ticket, "citizen_id") | {"history": history, "photos": photos}


async def export_photos(db: AsyncSession, account_id: UUID) -> AsyncGenerator[dict[str, Any]]:
    """What is known of the pictures a person took, and of the proofs they were shown."""
    shown = select(TicketPhoto.photo_id).join(Ticket, Ticket.id == TicketPhoto.ticket_id)
    mine = (Photo.owner_id == account_id) | Photo.id.in_(shown.where(Ticket.citizen_id == account_id))
    async for row in pages.walk(db, select(Photo).where(mine, Photo.size > 0), Photo.id):
        yield facts_of(row[0], "owner_id")


async def sender_of(db: AsyncSession, photo_id: UUID) -> UUID | None:
    """Whose ticket a picture was filed with; None for the proof of an officer."""
    filed = select(Ticket.citizen_id).join(TicketPhoto, TicketPhoto.ticket_id == Ticket.id)
    return await db.scalar(filed.where(TicketPhoto.photo_id == photo_id, TicketPhoto.role == "filed"))


async def check_photos(database: Database, owner_id: UUID, photo_ids: Sequence[UUID]) -> None:
    """Raises PhotoUnusable unless each is the owner's and still free; the unique index settles a race."""
    free = await database.hot.fetchval(
        "SELECT count(*) FROM photo WHERE id = ANY($1) AND owner_id = $2 AND NOT EXISTS"
        " (SELECT FROM ticket_photo WHERE photo_id = photo.id)",
        photo_ids,
        owner_id,
    )
    if free != len(set(photo_ids)) or len(set(photo_ids)) != len(photo_ids):
        raise PhotoUnusable


async def check_free(db: AsyncSession, owner_id: UUID, photo_ids: Sequence[UUID]) -> None:
    """The same inside a transaction."""
    taken = select(TicketPhoto.photo_id).where(TicketPhoto.photo_id == Photo.id).exists()
    free = set(await db.scalars(select(Photo.id).where(Photo.id.in_(photo_ids), Photo.owner_id == owner_id, ~taken)))
    if free != set(photo_ids) or len(free) != len(photo_ids):
        raise PhotoUnusable


def visible_sql(officer: Officer, number: int) -> tuple[str, list[Any]]:
    """The raw twin of `visible_to`: a condition, and what `$number` in it stands for."""
    where = officer.where(workflow.SEE)
    units, areas = sorted(where.departments), sorted(where.areas)
    if where.city:
        return "true", []
    if not areas and len(units) == 1:
        return f"department_code = ${number}", units
    if not areas:
        return f"department_code = ANY(${number})", [units]
    return f"(department_code = ANY(${number}) OR area_code = ANY(${number + 1}))", [units, areas]


class Reading:
    """The hot reads; one an API process.

    A citizen's own ticket by its id: what is asked while one statement runs is asked together in the next.
    """

    def __init__(self, database: Database, show: Callable[[Row], TicketOut]) -> None:
        self._database = database
        self._show = show
        self._batch: Batch[tuple[UUID, UUID], Row] = Batch(self._read, most=128)

    async def own(self, citizen: Citizen, ticket_id: UUID) -> TicketOut:
        """Raises NoSuchTicket."""
        return self._show(await self._batch((ticket_id, citizen.id)))

    async def seen(self, officer: Officer, ticket_id: UUID) -> TicketOut:
        """A ticket that the officer may see; its sender can see that it was opened. Raises NoSuchTicket."""
        visible, values = visible_sql(officer, 3)
        entry = audit.said(audit.entry_of(officer, "ticket.opened", "ticket", ticket_id))
        row = await self._database.hot.fetchrow(SEEN_SQL.format(visible=visible), ticket_id, entry, *values)
        if row is None:
            raise NoSuchTicket
        return self._show(row)

    async def inbox(self, officer: Officer, cursor: str | None, limit: int) -> Page[TicketOut]:
        """Open tickets of the officer's units, the one due first on top: one statement, one index. Raises BadCursor."""
        seen = pages.read(cursor, [datetime, UUID]) if cursor else [DAWN, UUID(int=0)]
        visible, values = visible_sql(officer, 7)
        noted = audit.said(audit.entry_of(officer, "ticket.listed", "ticket", ""))
        ids, today = (
            [new_id() for _ in range(limit)],
            datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0),
        )
        statement = INBOX_SQL.format(visible=visible)
        rows = await self._database.hot.fetch(statement, *seen, limit + 1, noted, ids, born(today), *values)
        return pages.page(rows, limit, lambda row: [row["due_at"], row["id"]], self._show)

    async def _read(self, asked: Sequence[tuple[UUID, UUID]]) -> Sequence[Row | Exception]:
        distinct = list(dict.fromkeys(asked))
        rows = await self._database.hot.fetch(OWN_SQL, [one[0] for one in distinct], [one[1] for one in distinct])
        found = {(row["id"], row["citizen_id"]): row for row in rows}
        return [found.get(one) or NoSuchTicket() for one in asked]
