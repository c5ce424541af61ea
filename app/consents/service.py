"""Writes of consents: to grant, to withdraw. What ends is told to whatever stands on it, by a job."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.consents import queries, rules
from app.consents.models import Consent, ConsentEnding, Purpose, PurposeVersion
from app.consents.queries import Held
from app.consents.rules import (
    WITHDRAWN_JOB,
    BadScope,
    ConsentOver,
    Ending,
    PurposeOutdated,
    RecipientNeeded,
    RecipientUnknown,
)
from app.consents.schemas import NewConsent
from app.core import audit, outbox
from app.core.db import lock_number
from app.core.ids import new_id
from app.core.principals import Citizen, Nobody, Principal
from app.core.sessions import Session


async def grant(db: AsyncSession, citizen: Citizen, new: NewConsent) -> Held:
    """Keep a yes with what was shown. The same again is the same consent; a different one to the same purpose and recipient
    takes its place.

    Raises NoSuchPurpose, PurposeOutdated, BadScope, RecipientNeeded, RecipientUnknown, BadExpiry.
    """
    purpose, version = (await queries.versions(db, new.purpose))[0]
    _check(purpose, version, new)
    await db.execute(select(func.pg_advisory_xact_lock(lock_number(citizen.id.bytes[8:]))))
    now = datetime.now(UTC)
    classes = sorted(set(new.data_classes))
    before = await queries.current(db, citizen.id, new.purpose, new.recipient)
    if before is not None and _same(before, new, classes, version, now):
        return await queries.one(db, citizen, before.id)
    made = Consent(
        id=new_id(),
        account_id=citizen.id,
        purpose_code=new.purpose,
        version=new.version,
        language=new.language,
        shown_hash=rules.hash_of(queries.text_of(version, new.language)),
        data_classes=classes,
        recipient=new.recipient,
        granted_at=now,
        session_id=citizen.session_id,
        method=await _method(db, citizen.session_id),
        expires_at=rules.expiry(now, new.expires_at, version.lasts_days),
    )
    db.add(made)
    if before is not None:
        await _end(db, citizen, before, Ending.REPLACED, citizen.session_id)
    _note(db, citizen, "consent.granted", made)
    await db.flush()
    return await queries.one(db, citizen, made.id)


async def withdraw(db: AsyncSession, citizen: Citizen, consent_id: UUID) -> Held:
    """Take a yes back, from now on. Raises NoSuchConsent, ConsentOver."""
    held = await queries.one(db, citizen, consent_id)
    if not await _end(db, citizen, held.consent, Ending.WITHDRAWN, citizen.session_id):
        ending = await db.get_one(ConsentEnding, consent_id)
        raise ConsentOver(ended_at=ending.at.isoformat())
    return await queries.one(db, citizen, consent_id)


async def take_over(db: AsyncSession, from_id: UUID, to_id: UUID) -> None:
    """Consents of an account that was merged hold for the one that stayed, on the same evidence, unless there the resident has
    ever said something about that purpose: then that holds. The old rows stay as they were. May run twice."""
    await db.execute(select(func.pg_advisory_xact_lock(lock_number(to_id.bytes[8:]))))
    ended = select(ConsentEnding.consent_id).where(ConsentEnding.consent_id == Consent.id).exists()
    for consent in (await db.scalars(select(Consent).where(Consent.account_id == from_id, ~ended))).all():
        moves = await queries.holds(db, consent) and not await queries.spoken_of(db, to_id, consent)
        if moves:
            columns = {column.key: getattr(consent, column.key) for column in Consent.__table__.columns}
            await db.execute(insert(Consent).values(columns | {"id": new_id(), "account_id": to_id}))
        await _end(db, Nobody(), consent, Ending.REPLACED if moves else Ending.ACCOUNT_CLOSED, None)


async def erase(db: AsyncSession, account_id: UUID) -> None:
    """End what a person whose account closes had agreed to. The consents stay as evidence: nothing in them says who it was."""
    ended = select(ConsentEnding.consent_id).where(ConsentEnding.consent_id == Consent.id).exists()
    for consent in await db.scalars(select(Consent).where(Consent.account_id == account_id, ~ended)):
        await _end(db, Nobody(), consent, Ending.ACCOUNT_CLOSED, None)


async def ended(db: AsyncSession, consent_id: UUID) -> Consent | None:
    """A consent that is over, for those who have to act on it."""
    query = select(Consent).join(ConsentEnding, ConsentEnding.consent_id == Consent.id)
    return await db.scalar(query.where(Consent.id == consent_id))


async def _end(db: AsyncSession, who: Principal, consent: Consent, why: Ending, session_id: UUID | None) -> bool:
    """Whether it was still to be ended; of two at once one does."""
    made = insert(ConsentEnding).values(consent_id=consent.id, at=datetime.now(UTC), why=why, session_id=session_id)
    made = made.on_conflict_do_nothing().returning(ConsentEnding.consent_id)
    if await db.scalar(made) is None:
        return False
    outbox.put(db, WITHDRAWN_JOB, consent_id=consent.id)
    _note(db, who, f"consent.{why}", consent)
    return True


def _check(purpose: Purpose, version: PurposeVersion, new: NewConsent) -> None:
    if new.version != version.version:
        raise PurposeOutdated(current=version.version, shown=new.version)
    if not set(new.data_classes) <= set(version.data_classes):
        raise BadScope(data_classes=", ".join(version.data_classes))
    if purpose.needs_recipient and not new.recipient:
        raise RecipientNeeded
    if new.recipient and not purpose.needs_recipient:
        raise RecipientUnknown


def _same(before: Consent, new: NewConsent, classes: list[str], version: PurposeVersion, now: datetime) -> bool:
    """Whether this asks for nothing but what holds already; the expiry counts from when that was granted."""
    said = (before.version, before.language, before.data_classes)
    if said != (new.version, new.language, classes) or (before.expires_at is not None and before.expires_at <= now):
        return False
    return before.expires_at == rules.expiry(before.granted_at, new.expires_at, version.lasts_days)


async def _method(db: AsyncSession, session_id: UUID) -> str:
    session = await db.get(Session, session_id)
    return ",".join(session.facts.get("amr", [])) if session else ""


def _note(db: AsyncSession, who: Principal, action: str, consent: Consent) -> None:
    audit.record(
        db,
        who,
        action,
        "consent",
        consent.id,
        account_id=consent.account_id,
        purpose=consent.purpose_code,
        version=consent.version,
    )
