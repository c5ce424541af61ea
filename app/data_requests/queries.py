"""Reads of requests; a citizen sees their own, the officer in charge all."""

from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, false, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account
from app.core import pages, person_keys
from app.core.crypto import Crypto
from app.core.person_keys import Person, Shredded
from app.core.principals import Citizen, Officer, Principal
from app.data_requests.models import DataExport, DataRequest, DataRequestEvent
from app.data_requests.rules import HANDLE, NOTE, OPEN, WORDS, Ground, Kind, NoSuchRequest, Status
from app.data_requests.schemas import (
    DataRequestEventOut,
    DataRequestLineOut,
    DataRequestOut,
    OfficerDataRequestOut,
)


def visible_to(who: Principal) -> Select[DataRequest]:
    match who:
        case Citizen():
            return select(DataRequest).where(DataRequest.account_id == who.id)
        case Officer() if who.may(HANDLE):
            return select(DataRequest)
        case _:
            return select(DataRequest).where(false())


async def one(db: AsyncSession, who: Principal, request_id: UUID, *, lock: bool = False) -> DataRequest:
    """Raises NoSuchRequest for what is not there and for what `who` may not see."""
    query = visible_to(who).where(DataRequest.id == request_id)
    found = await db.scalar(query.with_for_update() if lock else query)
    if found is None:
        raise NoSuchRequest
    return found


async def own(db: AsyncSession, citizen: Citizen, cursor: str | None, limit: int) -> Sequence[DataRequest]:
    """The newest first."""
    query = pages.after(visible_to(citizen), [(DataRequest.id, UUID)], cursor, descending=True)
    return (await db.scalars(query.limit(limit + 1))).all()


async def work(
    db: AsyncSession, officer: Officer, cursor: str | None, limit: int, *, overdue: bool
) -> Sequence[DataRequest]:
    """What is open, the one due next on top."""
    query = visible_to(officer).where(DataRequest.status.in_(OPEN))
    if overdue:
        query = query.where(DataRequest.next_due_at < datetime.now(UTC))
    order: list[Any] = [(DataRequest.next_due_at, datetime), (DataRequest.id, UUID)]
    return (await db.scalars(pages.after(query, order, cursor, descending=False).limit(limit + 1))).all()


async def same(db: AsyncSession, account_id: UUID, kind: Kind, since: datetime) -> UUID | None:
    """An open request of this kind, or one completed since whose file is still there."""
    made = select(DataExport.id).where(DataExport.request_id == DataRequest.id, DataExport.made_at > since).exists()
    query = select(DataRequest.id).where(
        DataRequest.account_id == account_id, DataRequest.kind == kind, DataRequest.status.in_(OPEN) | made
    )
    return await db.scalar(query.limit(1))


async def count_open(db: AsyncSession, account_id: UUID) -> int:
    mine = select(func.count()).where(DataRequest.account_id == account_id, DataRequest.status.in_(OPEN))
    return await db.scalar(mine) or 0


async def happened(db: AsyncSession, request_id: UUID, what: str) -> bool:
    """Whether the history has such a line."""
    lines = select(DataRequestEvent.id).where(DataRequestEvent.request_id == request_id, DataRequestEvent.what == what)
    return bool(await db.scalar(select(lines.exists())))


async def notes(db: AsyncSession, request_id: UUID) -> Sequence[tuple[UUID, bytes]]:
    """What was written to its history, sealed, by line."""
    lines = select(DataRequestEvent.id, DataRequestEvent.note_sealed).where(DataRequestEvent.request_id == request_id)
    return [(line_id, sealed) for line_id, sealed in await db.execute(lines) if sealed is not None]


async def whole(db: AsyncSession, crypto: Crypto, request: DataRequest) -> DataRequestOut:
    """With its history, opened with the person's key; after the person is gone the words are, too."""
    person = await person_keys.person(db, crypto, request.account_id)
    events = await db.scalars(
        select(DataRequestEvent).where(DataRequestEvent.request_id == request.id).order_by(DataRequestEvent.id)
    )
    until = await db.scalar(select(DataExport.expires_at).where(DataExport.request_id == request.id))
    return DataRequestOut(
        id=request.id,
        kind=Kind(request.kind),
        status=Status(request.status),
        words=_opened(person, WORDS, request.words_sealed),
        filed_at=request.filed_at,
        answer_due_at=request.answer_due_at,
        answered_at=request.answered_at,
        due_at=request.due_at,
        extended=request.extended_at is not None,
        acts_at=request.acts_at,
        ended_at=request.ended_at,
        ground=Ground(request.ground) if request.ground else None,
        late=request.attention == "late",
        export_until=until,
        history=[
            DataRequestEventOut(
                at=one.at, what=one.what, by=one.actor_kind, note=_opened(person, NOTE, one.note_sealed)
            )
            for one in events
        ],
    )


async def for_officer(db: AsyncSession, crypto: Crypto, request: DataRequest) -> OfficerDataRequestOut:
    account = await db.get_one(Account, request.account_id)
    return OfficerDataRequestOut(
        request=await whole(db, crypto, request),
        account_id=account.id,
        full_name=account.full_name,
        level=account.level,
    )


async def export(db: AsyncSession, crypto: Crypto, account_id: UUID) -> AsyncGenerator[DataRequestOut]:
    """Everything a person ever asked for about their data."""
    mine = select(DataRequest).where(DataRequest.account_id == account_id)
    async for row in pages.walk(db, mine, DataRequest.id):
        yield await whole(db, crypto, row[0])


def line(request: DataRequest) -> DataRequestLineOut:
    return DataRequestLineOut(
        id=request.id,
        kind=Kind(request.kind),
        status=Status(request.status),
        filed_at=request.filed_at,
        answer_due_at=request.answer_due_at,
        due_at=request.due_at,
        next_due_at=request.next_due_at,
        extended=request.extended_at is not None,
        near=request.attention == "near",
        overdue=request.status in OPEN and request.next_due_at < datetime.now(UTC),
        late=request.attention == "late",
        ended_at=request.ended_at,
    )


def _opened(person: Person, purpose: str, sealed: bytes | None) -> str:
    try:
        return person.decrypt(purpose, sealed) if sealed else ""
    except Shredded:
        return ""
