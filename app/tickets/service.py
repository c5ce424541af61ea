"""Writes on a ticket after its filing: move, answer, rate, and what the clock says. Each appends to the history."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.consents import queries as consents
from app.consents.rules import SURVEYS
from app.core import audit, outbox
from app.core.crypto import Crypto
from app.core.errors import NotAllowed
from app.core.ids import new_id
from app.core.principals import Citizen, Officer
from app.departments.directory import Directory
from app.desk import service as desk
from app.desk.schemas import SenderOut
from app.notifications import service as notifications
from app.tickets import queries, workflow
from app.tickets.catalog import Catalog, due
from app.tickets.models import Photo, Ticket, TicketEvent, TicketPhoto
from app.tickets.schemas import Answer, Move, NewRating
from app.tickets.workflow import (
    ACT,
    DEADLINE_JOB,
    ERASED,
    Attention,
    Kind,
    ProofMissing,
    ReasonMissing,
    Severity,
    Status,
)


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
    now = datetime.now(UTC)
    ticket.answer, ticket.answered_at, ticket.attention = answer.text, now, None
    if answer.photo_ids:
        await db.execute(
            insert(TicketPhoto),
            [{"ticket_id": ticket.id, "photo_id": photo, "role": "proof"} for photo in answer.photo_ids],
        )
    outbox.put(db, workflow.RATE_JOB, due_at=now + workflow.ASK_RATING_AFTER, ticket_id=ticket.id)
    await _tell(db, ticket, directory)
    return ticket


async def rate(db: AsyncSession, citizen: Citizen, ticket: Ticket, rating: NewRating) -> Ticket:
    """The citizen's word on the answer, once. Raises MoveRefused."""
    workflow.check_move(Status(ticket.status), Status.RATED)
    ticket.status, ticket.rating, ticket.rating_comment = Status.RATED, rating.rating, rating.comment
    ticket.rated_at = datetime.now(UTC)
    ticket.version += 1
    _append(db, ticket, Status.RATED, "citizen", rating.comment, delegate_id=citizen.actor_id)
    if citizen.actor_id is not None:
        audit.record(db, citizen, "ticket-rated", "ticket", ticket.id, account_id=citizen.id)
    return ticket


async def ask_rating(db: AsyncSession, ticket_id: UUID) -> None:
    """Remind the citizen to rate the answer, if they agree to be asked. May run twice."""
    ticket = await db.get_one(Ticket, ticket_id)
    if ticket.status != Status.ANSWERED or not await consents.allows(db, ticket.citizen_id, SURVEYS, "contact"):
        return
    await notifications.tell(
        db, ticket.citizen_id, "ticket-rate", subject_kind="ticket", subject_id=ticket.id, once="rate", code=ticket.code
    )


async def drop_reminders(db: AsyncSession, citizen_id: UUID) -> None:
    """Nobody asks this citizen for a rating any more."""
    mine = select(Ticket.id).where(Ticket.citizen_id == citizen_id, Ticket.status == Status.ANSWERED)
    await outbox.drop(db, workflow.RATE_JOB, "ticket_id", (await db.scalars(mine)).all())


async def erase(db: AsyncSession, citizen_id: UUID, known: str) -> None:
    """Take the person out of their tickets, which stay as cases of the city (ADR 12). May run twice.

    An ended case loses what the resident wrote and where exactly it was. An open one keeps it until it has ended, because the
    unit needs it. `known`, the person's name and numbers as a regular expression, goes from every text.
    """
    mine = update(Ticket).where(Ticket.citizen_id == citizen_id).values(version=Ticket.version + 1)
    ended = {"description": ERASED, "address": "", "lat": None, "lon": None, "rating_comment": None}
    await db.execute(mine.where(Ticket.status.not_in(workflow.OPEN)).values(ended))
    if known:
        texts = (Ticket.description, Ticket.address, Ticket.answer)
        cleaned = {text.key: func.regexp_replace(text, known, "[…]", "gi") for text in texts}
        await db.execute(mine.values(cleaned))
    await db.execute(select(func.ticket_history_forget(citizen_id, known)))


async def open_sender(db: AsyncSession, crypto: Crypto, officer: Officer, ticket: Ticket, reason: str) -> SenderOut:
    """Who sent it, to be called back; the reason is kept. Raises NotAllowed."""
    _check(officer, workflow.SENDER, ticket)
    return await desk.open_sender(db, crypto, officer, ticket.id, ticket.citizen_id, reason)


async def open_history(db: AsyncSession, officer: Officer, ticket_id: UUID) -> Sequence[TicketEvent]:
    """The history of a ticket, opened by an officer; its sender can see that. Raises NoSuchTicket."""
    _note(db, officer, "ticket.history-opened", await queries.one(db, officer, ticket_id))
    return await queries.events(db, officer, ticket_id)


async def open_photo(db: AsyncSession, officer: Officer, photo_id: UUID) -> Photo:
    """A picture, opened by an officer; who took it can see that, if it was a resident. Raises NoSuchPhoto."""
    photo = await queries.photo(db, officer, photo_id)
    sender = await queries.sender_of(db, photo_id)
    if sender is not None:
        audit.record(db, officer, "ticket.photo-opened", "photo", photo_id, account_id=sender)
    return photo


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
    _check(officer, ACT[to], ticket)
    ticket.status = to
    ticket.version += 1
    _append(db, ticket, to, "officer", note, officer.id)
    _note(db, officer, "ticket.answered" if to == Status.ANSWERED else "ticket.moved", ticket, to=str(to))


def _note(db: AsyncSession, officer: Officer, action: str, ticket: Ticket, **facts: str) -> None:
    """What an officer did with a ticket, on the trail of its sender."""
    audit.record(db, officer, action, "ticket", ticket.id, account_id=ticket.citizen_id, code=ticket.code, **facts)


def _check(officer: Officer, act: str, ticket: Ticket) -> None:
    """A right in another unit or area is none here. Raises NotAllowed."""
    if not officer.may(act, department=ticket.department_code, area=ticket.area_code):
        raise NotAllowed(act=act)


def _append(
    db: AsyncSession,
    ticket: Ticket,
    what: str,
    actor_kind: str,
    note: str,
    officer_id: UUID | None = None,
    delegate_id: UUID | None = None,
) -> None:
    db.add(
        TicketEvent(
            ticket_id=ticket.id,
            id=new_id(),
            at=datetime.now(UTC),
            what=what,
            actor_kind=actor_kind,
            officer_id=officer_id,
            delegate_id=delegate_id,
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
