"""Writes by the officer in charge: the first answer, the one extension, the end. Each is told to the resident."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core import person_keys
from app.core.crypto import Crypto
from app.core.principals import Officer
from app.core.revocations import Revocations
from app.data_requests import queries, service
from app.data_requests.models import DataRequest
from app.data_requests.rules import BY_HOUSE, GROUNDS, OPEN, ByHouse, ExtensionRefused, Kind, Status
from app.data_requests.schemas import Acknowledgement, Completion, Extension, Refusal
from app.data_requests.steps import append, step, tell


async def acknowledge(
    db: AsyncSession, crypto: Crypto, officer: Officer, request_id: UUID, said: Acknowledgement
) -> DataRequest:
    """The first answer. Raises NoSuchRequest, RequestRefuses."""
    request = await queries.one(db, officer, request_id, lock=True)
    person = await person_keys.person(db, crypto, request.account_id)
    step(db, request, Status.ACKNOWLEDGED, officer, person, said.text)
    await tell(db, request, "acknowledged")
    return request


async def extend(db: AsyncSession, crypto: Crypto, officer: Officer, request_id: UUID, asked: Extension) -> DataRequest:
    """More time, once, before it is over; the resident is told why. Raises NoSuchRequest, ExtensionRefused."""
    request = await queries.one(db, officer, request_id, lock=True)
    now = datetime.now(UTC)
    if request.status not in OPEN or request.extended_at is not None or request.due_at <= now:
        raise ExtensionRefused
    request.extended_at = now
    request.due_at += timedelta(days=asked.days)
    if request.status != Status.FILED:
        request.next_due_at = request.due_at
    if request.attention == "near":
        request.attention = None
    person = await person_keys.person(db, crypto, request.account_id)
    append(db, request, "extended", officer, person, asked.reason)
    service.watch_finish(db, request)
    await tell(db, request, "extended", reason=asked.reason)
    return request


async def complete(
    db: AsyncSession, crypto: Crypto, officer: Officer, request_id: UUID, done: Completion
) -> DataRequest:
    """It is done, and what was done. Raises NoSuchRequest, ByHouse, RequestRefuses."""
    request = await queries.one(db, officer, request_id, lock=True)
    if request.kind in BY_HOUSE:
        raise ByHouse(kind=request.kind)
    person = await person_keys.person(db, crypto, request.account_id)
    step(db, request, Status.COMPLETED, officer, person, done.text)
    await tell(db, request, "completed")
    return request


async def refuse(
    db: AsyncSession, crypto: Crypto, revocations: Revocations, officer: Officer, request_id: UUID, refusal: Refusal
) -> DataRequest:
    """The law lets the city say no, on a ground and with words. Raises NoSuchRequest, RequestRefuses."""
    request = await queries.one(db, officer, request_id, lock=True)
    person = await person_keys.person(db, crypto, request.account_id)
    step(db, request, Status.REFUSED, officer, person, refusal.text)
    request.ground = refusal.ground
    if request.kind == Kind.DELETE:
        await service.reopen(db, revocations, request, officer, "deletion-refused")
    ground = GROUNDS[refusal.ground]
    await tell(db, request, "refused", ground_vi=ground.vi, ground_en=ground.en)
    return request
