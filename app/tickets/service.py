"""Writes on a ticket after its filing: move, answer, rate, and what the clock says. Each appends to the history."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import outbox
from app.core.errors import NotAllowed
from app.core.ids import new_id
from app.core.principals import Citizen, Officer
from app.departments.directory import Directory
from app.notifications import service as notifications
from app.tickets import queries, workflow
from app.tickets.catalog import Catalog, due
from app.tickets.models import Photo, Ticket, TicketEvent, TicketPhoto
from app.tickets.schemas import Answer, Move, NewRating
from app.tickets.workflow import ACT, DEADLINE_JOB, Attention, Kind, ProofMissing, ReasonMissing, Severity, Status


async def move(
    db: AsyncSession, officer: Officer, ticket: Ticket, move: Move, directory: Directory, catalog: Catalog
) -> Ticket:
    """Move a locked ticket to its next status, keep the history, tell the citizen.

    Raises MoveRefused, NotAllowed, ReasonMissing. Accepting starts the clock of the resolution.
    """
    if move.to == Status.ANSWERED or move.to not in ACT:
        raise workflow.MoveRefused(now=ticket.status, to=move.to)
    _step(db, officer, ticket, move.to, move.note)
    if move.to == Status.REJECTED:
        ticket.reject_code = _reason(move, catalog)
    if move.to == Status.ACCEPTED:
        _start_resolution(db, ticket, directory, catalog)
    await _tell(db, ticket, directory)
    return ticket


async def answer(db: AsyncSession, officer: Officer, ticket: Ticket, answer: Answer, directory: Directory) -> Ticket:
    """Answer a locked ticket; a field ticket shows its proof.

    Raises MoveRefused, NotAllowed, ProofMissing, PhotoUnusable.
    """
    if ticket.kind == Kind.FIELD and not answer.photo_ids:
        raise ProofMissing
    await queries.check_free(db, officer.id, answer.photo_ids)
    _step(db, officer, ticket, Status.ANSWERED, answer.text)
    ticket.answer, ticket.answered_at, ticket.attention = answer.text, datetime.now(UTC), None
    if answer.photo_ids:
        await db.execute(
            insert(TicketPhoto),
            [{"ticket_id": ticket.id, "photo_id": photo, "role": "proof"} for photo in answer.photo_ids],
        )
    await _tell(db, ticket, directory)
    return ticket


async def rate(db: AsyncSession, citizen: Citizen, ticket: Ticket, rating: NewRating) -> Ticket:
    """The citizen's word on the answer, once. Raises MoveRefused."""
    workflow.check_move(Status(ticket.status), Status.RATED)
    ticket.status, ticket.rating, ticket.rating_comment = Status.RATED, rating.rating, rating.comment
    ticket.rated_at = datetime.now(UTC)
    ticket.version += 1
    _append(db, ticket, Status.RATED, "citizen", rating.comment)
    return ticket


async def tell_filed(db: AsyncSession, ticket_id: UUID, directory: Directory) -> None:
    """Confirm to the citizen what was filed, with its unit and deadline. May run twice."""
    ticket = await db.get_one(Ticket, ticket_id)
    await _tell(db, ticket, directory, Status.FILED)


async def watch(db: AsyncSession, ticket_id: UUID, stage: str) -> None:
    """The clock's word on a ticket still open: `near`, then `overdue`. May run twice; a deadline that moved has a job of its own."""
    ticket = await db.get(Ticket, ticket_id, with_for_update=True)
    if ticket is None or ticket.status not in workflow.OPEN or ticket.attention == stage:
        return
    now = datetime.now(UTC)
    if stage == Attention.NEAR and now < workflow.remind_at(ticket.clock_from, ticket.due_at):
        return
    if stage == Attention.OVERDUE and now < ticket.due_at:
        return
    ticket.attention = stage
    ticket.version += 1
    _append(db, ticket, stage, "clock", "")
    if stage == Attention.NEAR:
        outbox.put(db, DEADLINE_JOB, due_at=ticket.due_at, ticket_id=ticket.id, stage=Attention.OVERDUE)


async def take_over(db: AsyncSession, from_id: UUID, to_id: UUID) -> None:
    """Tickets and pictures of an account that was merged go to the one that stayed; the history stands. May run twice."""
    await db.execute(update(Ticket).where(Ticket.citizen_id == from_id).values(citizen_id=to_id))
    await db.execute(update(Photo).where(Photo.owner_id == from_id).values(owner_id=to_id))


def _step(db: AsyncSession, officer: Officer, ticket: Ticket, to: Status, note: str) -> None:
    workflow.check_move(Status(ticket.status), to)
    if ACT[to] not in officer.acts:
        raise NotAllowed(act=ACT[to])
    ticket.status = to
    ticket.version += 1
    _append(db, ticket, to, "officer", note, officer.id)


def _append(
    db: AsyncSession, ticket: Ticket, what: str, actor_kind: str, note: str, officer_id: UUID | None = None
) -> None:
    db.add(
        TicketEvent(
            ticket_id=ticket.id,
            id=new_id(),
            at=datetime.now(UTC),
            what=what,
            actor_kind=actor_kind,
            officer_id=officer_id,
            note=note,
        )
    )


def _reason(move: Move, catalog: Catalog) -> str:
    if move.reject_code not in {reason.code for reason in catalog.reasons()}:
        raise ReasonMissing
    return move.reject_code or ""


def _start_resolution(db: AsyncSession, ticket: Ticket, directory: Directory, catalog: Catalog) -> None:
    now = datetime.now(UTC)
    rule = catalog.deadline(Kind(ticket.kind), Severity(ticket.severity), "resolve")
    ticket.accepted_at = ticket.clock_from = now
    ticket.deadline_rule_code = rule.code
    ticket.due_at = due(directory.calendar, rule, now)
    ticket.attention = None
    outbox.put(
        db, DEADLINE_JOB, due_at=workflow.remind_at(now, ticket.due_at), ticket_id=ticket.id, stage=Attention.NEAR
    )


async def _tell(db: AsyncSession, ticket: Ticket, directory: Directory, status: str = "") -> None:
    """Each status is told once."""
    said = status or ticket.status
    await notifications.tell(
        db,
        ticket.citizen_id,
        f"ticket-{said.replace('_', '-')}",
        subject_kind="ticket",
        subject_id=ticket.id,
        once=said,
        code=ticket.code,
        due_at=ticket.due_at.isoformat(),
        unit=directory.department(ticket.department_code).name_vi,
    )
