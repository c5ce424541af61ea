"""Reads of purposes and consents; a citizen sees their own only."""

from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.consents.models import Consent, ConsentEnding, Purpose, PurposeVersion
from app.consents.rules import NoSuchConsent, NoSuchPurpose, Shown, Standing
from app.consents.schemas import ConsentOut, PurposeOut
from app.core import pages
from app.core.principals import Citizen

Newer = aliased(PurposeVersion)


class Held(Struct, frozen=True):
    """A consent with what was shown, how it ended, and whether a later version asks for more."""

    consent: Consent
    version: PurposeVersion
    ending: ConsentEnding | None
    outdated: bool


async def allows(db: AsyncSession, account_id: UUID, purpose: str, data_class: str, recipient: str = "") -> bool:
    """Whether this person agrees, now, that this data is used for this purpose (and given to this recipient).

    To be asked at every use; an answer is never kept.
    """
    query = select(Consent.id).where(
        Consent.account_id == account_id,
        Consent.purpose_code == purpose,
        Consent.recipient == recipient,
        Consent.data_classes.contains([data_class]),
        in_force(),
    )
    return bool(await db.scalar(select(query.exists())))


async def holds(db: AsyncSession, consent: Consent) -> bool:
    query = select(Consent.id).where(Consent.id == consent.id, in_force())
    return bool(await db.scalar(select(query.exists())))


async def spoken_of(db: AsyncSession, account_id: UUID, consent: Consent) -> bool:
    """Whether this person has ever agreed to that purpose and recipient, whatever became of it."""
    same = (Consent.purpose_code == consent.purpose_code) & (Consent.recipient == consent.recipient)
    query = select(Consent.id).where(Consent.account_id == account_id, same)
    return bool(await db.scalar(select(query.exists())))


def in_force() -> ColumnElement[bool]:
    """Of a consent: neither ended nor expired nor outdated."""
    ended = exists().where(ConsentEnding.consent_id == Consent.id)
    lasting = or_(Consent.expires_at.is_(None), Consent.expires_at > func.now())
    return ~ended & lasting & ~_outdated()


def _outdated() -> ColumnElement[bool]:
    return (
        select(Newer.version)
        .where(
            Newer.purpose_code == Consent.purpose_code,
            Newer.version > Consent.version,
            Newer.widens,
            Newer.effective_from <= func.now(),
        )
        .exists()
    )


async def purposes(db: AsyncSession) -> Sequence[tuple[Purpose, PurposeVersion]]:
    """Every purpose in the version in force."""
    query = (
        select(Purpose, PurposeVersion)
        .join(PurposeVersion, PurposeVersion.purpose_code == Purpose.code)
        .where(PurposeVersion.effective_from <= func.now())
        .ext(distinct_on(Purpose.code))
        .order_by(Purpose.code, PurposeVersion.version.desc())
    )
    return [(row[0], row[1]) for row in await db.execute(query)]


async def versions(db: AsyncSession, code: str) -> Sequence[tuple[Purpose, PurposeVersion]]:
    """Of one purpose, the one in force first, then those before it. Raises NoSuchPurpose."""
    query = (
        select(Purpose, PurposeVersion)
        .join(PurposeVersion, PurposeVersion.purpose_code == Purpose.code)
        .where(Purpose.code == code, PurposeVersion.effective_from <= func.now())
        .order_by(PurposeVersion.version.desc())
    )
    found = [(row[0], row[1]) for row in await db.execute(query)]
    if not found:
        raise NoSuchPurpose
    return found


def visible_to(citizen: Citizen) -> Select[Consent, PurposeVersion, ConsentEnding, bool]:
    return _whole().where(Consent.account_id == citizen.id)


async def own(db: AsyncSession, citizen: Citizen, cursor: str | None, limit: int) -> Sequence[Held]:
    """The newest first."""
    query = pages.after(visible_to(citizen), [(Consent.id, UUID)], cursor, descending=True)
    return [_held(row) for row in await db.execute(query.limit(limit + 1))]


async def one(db: AsyncSession, citizen: Citizen, consent_id: UUID) -> Held:
    """Raises NoSuchConsent."""
    row = (await db.execute(visible_to(citizen).where(Consent.id == consent_id))).one_or_none()
    if row is None:
        raise NoSuchConsent
    return _held(row)


async def current(db: AsyncSession, account_id: UUID, purpose: str, recipient: str) -> Consent | None:
    """The consent that has not ended; it may have expired or be outdated."""
    ended = exists().where(ConsentEnding.consent_id == Consent.id)
    query = select(Consent).where(
        Consent.account_id == account_id, Consent.purpose_code == purpose, Consent.recipient == recipient, ~ended
    )
    return await db.scalar(query.order_by(Consent.id.desc()).limit(1))


async def export(db: AsyncSession, account_id: UUID) -> AsyncGenerator[ConsentOut]:
    """Everything a person ever agreed to, with what they were shown."""
    async for row in pages.walk(db, _whole().where(Consent.account_id == account_id), Consent.id):
        yield shown(_held(row))


def shown(held: Held) -> ConsentOut:
    consent = held.consent
    return ConsentOut(
        id=consent.id,
        purpose=consent.purpose_code,
        version=consent.version,
        language=consent.language,
        shown=text_of(held.version, consent.language),
        shown_hash=consent.shown_hash.hex(),
        data_classes=consent.data_classes,
        recipient=consent.recipient,
        granted_at=consent.granted_at,
        method=consent.method,
        expires_at=consent.expires_at,
        standing=standing(held, datetime.now(UTC)),
        ended_at=held.ending.at if held.ending else None,
    )


def standing(held: Held, now: datetime) -> Standing:
    if held.ending is not None:
        return Standing(held.ending.why)
    if held.consent.expires_at is not None and held.consent.expires_at <= now:
        return Standing.EXPIRED
    return Standing.OUTDATED if held.outdated else Standing.ACTIVE


def purpose_out(purpose: Purpose, version: PurposeVersion) -> PurposeOut:
    return PurposeOut(
        code=purpose.code,
        version=version.version,
        effective_from=version.effective_from,
        data_classes=version.data_classes,
        needs_recipient=purpose.needs_recipient,
        lasts_days=version.lasts_days,
        vi=text_of(version, "vi"),
        en=text_of(version, "en"),
    )


def text_of(version: PurposeVersion, language: str) -> Shown:
    fields = {name: getattr(version, f"{name}_{language}") for name in Shown.__struct_fields__}
    return msgspec.convert(fields, Shown)


def _whole() -> Select[Consent, PurposeVersion, ConsentEnding, bool]:
    version = (PurposeVersion.purpose_code == Consent.purpose_code) & (PurposeVersion.version == Consent.version)
    query = select(Consent, PurposeVersion, ConsentEnding, _outdated()).join(PurposeVersion, version)
    return query.outerjoin(ConsentEnding, ConsentEnding.consent_id == Consent.id)


def _held(row: Any) -> Held:
    return Held(row[0], row[1], row[2], row[3])
