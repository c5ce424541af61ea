"""Writes by the resident: to ask, to change one's mind; and what the clock says."""

import time
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import states
from app.accounts.models import Account
from app.accounts.rules import State
from app.core import outbox, person_keys
from app.core.crypto import Crypto
from app.core.guards import ProofNeeded
from app.core.house import House
from app.core.ids import new_id
from app.core.person_keys import Person
from app.core.principals import Citizen, Nobody, Principal
from app.core.revocations import Revocations
from app.data_requests import queries, rules
from app.data_requests.models import DataExport, DataRequest
from app.data_requests.rules import (
    AGAIN_AFTER,
    BY_HOUSE,
    CLOSE_JOB,
    DEADLINE_JOB,
    EXPORT_JOB,
    FILE_KEY,
    FINISH,
    FIRST_ANSWER_DAYS,
    GRACE,
    NOTE,
    OPEN,
    OPEN_MAX,
    PROOF_MAX_AGE_S,
    WORDS,
    AlreadyAsked,
    Kind,
    Stage,
    Status,
    TooManyOpen,
    WordsNeeded,
)
from app.data_requests.schemas import NewDataRequest
from app.data_requests.steps import append, step, tell
from app.departments.working_time import Calendar

WORDS_MIN = 5


async def file(
    db: AsyncSession, house: House, calendar: Calendar, citizen: Citizen, new: NewDataRequest
) -> DataRequest:
    """Take a request in and start its clocks. What the house carries out itself is acknowledged at once.

    Raises ProofNeeded, WordsNeeded, TooManyOpen, AlreadyAsked; StateRefused for an account that cannot close.
    """
    account = await db.get_one(Account, citizen.id, with_for_update=True)
    now = datetime.now(UTC)
    if new.kind in BY_HOUSE:
        check_proof(citizen, account)
        if found := await queries.same(db, citizen.id, new.kind, now - AGAIN_AFTER):
            raise AlreadyAsked(id=str(found))
    elif len(new.words.strip()) < WORDS_MIN:
        raise WordsNeeded
    elif await queries.count_open(db, citizen.id) >= OPEN_MAX:
        raise TooManyOpen(most=OPEN_MAX)
    person = await person_keys.make(db, house.crypto, citizen.id)
    answer_due_at = calendar.add_days(now, FIRST_ANSWER_DAYS)
    request = DataRequest(
        id=new_id(),
        account_id=citizen.id,
        kind=new.kind,
        status=Status.FILED,
        words_sealed=person.encrypt(WORDS, new.words) if new.words else None,
        filed_at=now,
        answer_due_at=answer_due_at,
        first_due_at=now + FINISH,
        due_at=now + FINISH,
        next_due_at=answer_due_at,
        acts_at=now + GRACE if new.kind == Kind.DELETE else None,
        version=0,
    )
    db.add(request)
    await db.flush()
    append(db, request, Status.FILED, citizen)
    outbox.put(db, DEADLINE_JOB, due_at=answer_due_at, request_id=request.id, stage=Stage.ANSWER)
    watch_finish(db, request)
    if new.kind in BY_HOUSE:
        await _begin(db, house.revocations, citizen, account, request)
    else:
        await tell(db, request, "filed")
    return request


async def cancel(db: AsyncSession, revocations: Revocations, citizen: Citizen, request_id: UUID) -> DataRequest:
    """The resident takes the request back; an account that was closing is as before. Raises NoSuchRequest, RequestRefuses."""
    request = await queries.one(db, citizen, request_id, lock=True)
    step(db, request, Status.CANCELLED, citizen)
    if request.kind == Kind.DELETE:
        await reopen(db, revocations, request, citizen, "deletion-cancelled")
    await tell(db, request, "cancelled")
    return request


async def reopen(db: AsyncSession, revocations: Revocations, request: DataRequest, who: Principal, reason: str) -> None:
    """The deletion will not be: an account that was closing for it is active again. Raises RequestRefuses once it is shut."""
    account = await db.get_one(Account, request.account_id, with_for_update=True)
    if account.state == State.CLOSED:
        raise rules.RequestRefuses(now=request.status, to=Status.REFUSED)
    account.closing = False
    if account.state == State.CLOSING:
        await states.change(db, revocations, account, State.ACTIVE, who, reason)


async def watch(db: AsyncSession, request_id: UUID, stage: Stage) -> None:
    """The clock's word on a request that is open: near its end, or late. May run twice; an extended one has a job of its own."""
    request = await db.get(DataRequest, request_id, with_for_update=True)
    if request is None or request.status not in OPEN:
        return
    now = datetime.now(UTC)
    if stage == Stage.NEAR and request.attention is None and now >= rules.remind_at(request.filed_at, request.due_at):
        request.attention = "near"
        append(db, request, "near", Nobody())
    if stage == Stage.ANSWER and request.status == Status.FILED and now >= request.answer_due_at:
        await _late(db, request, "late-answer")
    if stage == Stage.FINISH and now >= request.due_at:
        await _late(db, request, "late")


def watch_finish(db: AsyncSession, request: DataRequest) -> None:
    """The clocks of the end, as it stands now."""
    remind_at = rules.remind_at(request.filed_at, request.due_at)
    outbox.put(db, DEADLINE_JOB, due_at=remind_at, request_id=request.id, stage=Stage.NEAR)
    outbox.put(db, DEADLINE_JOB, due_at=request.due_at, request_id=request.id, stage=Stage.FINISH)


def check_proof(citizen: Citizen, account: Account) -> None:
    """Raises ProofNeeded: who has an identity proved by the eID proves it with it, and lately (RFC 9470)."""
    level = min(account.level, 1)
    if citizen.level < level or citizen.proved_at < time.time() - PROOF_MAX_AGE_S:
        raise ProofNeeded(level, PROOF_MAX_AGE_S)


async def take_over(db: AsyncSession, crypto: Crypto, from_id: UUID, to_id: UUID) -> None:
    """Requests of an account that was merged go on as the other's, with the words, the notes and the copy sealed anew.

    What the other is asking the house for already is asked once: here it is cancelled. May run twice.
    """
    mine = select(DataRequest).where(DataRequest.account_id == from_id).with_for_update()
    requests = (await db.scalars(mine)).all()
    if not requests:
        return
    old, new = await person_keys.person(db, crypto, from_id), await person_keys.make(db, crypto, to_id)
    for request in requests:
        asked = request.kind in BY_HOUSE and request.status in OPEN
        twice = asked and await queries.same(db, to_id, Kind(request.kind), datetime.now(UTC))
        if twice or (asked and request.kind == Kind.DELETE):  # the other account has not asked for its end
            step(db, request, Status.CANCELLED, Nobody())
            await db.flush()
        await _reseal(db, old, new, request, to_id)
        request.account_id = to_id
        await db.flush()


async def erase(db: AsyncSession, account_id: UUID, *, but: UUID) -> None:
    """Forget what a person asked for: the words, the files, and what is still open but the deletion itself.

    The history stays, sealed with a key that is gone.
    """
    await db.execute(delete(DataExport).where(DataExport.account_id == account_id))
    for request in await db.scalars(select(DataRequest).where(DataRequest.account_id == account_id)):
        request.words_sealed = None
        if request.id != but and request.status in OPEN:
            step(db, request, Status.CANCELLED, Nobody())


async def _begin(
    db: AsyncSession, revocations: Revocations, citizen: Citizen, account: Account, request: DataRequest
) -> None:
    step(db, request, Status.ACKNOWLEDGED, Nobody())
    if request.kind == Kind.EXPORT:
        outbox.put(db, EXPORT_JOB, request_id=request.id)
        await tell(db, request, "filed")
        return
    await states.change(db, revocations, account, State.CLOSING, citizen, "deletion-asked")
    outbox.put(db, CLOSE_JOB, due_at=request.acts_at, request_id=request.id)
    await tell(db, request, "closing", acts_at=request.acts_at.isoformat() if request.acts_at else "")


async def _late(db: AsyncSession, request: DataRequest, what: str) -> None:
    if not await queries.happened(db, request.id, what):
        request.attention = "late"
        append(db, request, what, Nobody())
        await tell(db, request, "late")


async def _reseal(db: AsyncSession, old: Person, new: Person, request: DataRequest, to_id: UUID) -> None:
    if request.words_sealed is not None:
        request.words_sealed = new.encrypt(WORDS, old.decrypt(WORDS, request.words_sealed))
    for event_id, sealed in await queries.notes(db, request.id):
        note = new.encrypt(NOTE, old.decrypt(NOTE, sealed))
        await db.execute(select(func.data_request_note_reseal(request.id, event_id, note)))
    copy = await db.scalar(select(DataExport).where(DataExport.request_id == request.id))
    if copy is not None:
        copy.key_sealed = new.encrypt(FILE_KEY, old.decrypt(FILE_KEY, copy.key_sealed))
        copy.account_id = to_id
