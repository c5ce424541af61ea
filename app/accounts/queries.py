"""Reads of accounts; a citizen sees their own only."""

from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import convert
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import rules
from app.accounts.models import Account, Device
from app.accounts.rules import State
from app.accounts.schemas import DeviceOut, SignInOut
from app.core import pages
from app.core.audit import SIGN_IN_LIST, AuditEntry
from app.core.db import facts_of
from app.core.errors import AppError, Text
from app.core.person_keys import Person
from app.core.principals import Citizen
from app.core.sessions import Session

DEVICES_MAX = 20


class NoSuchDevice(AppError):
    status, code = 404, "no-such-device"
    title = Text("Không có thiết bị này", "No such device")


async def me(db: AsyncSession, citizen: Citizen) -> Account:
    return await db.get_one(Account, citizen.id)


async def same_person(db: AsyncSession, account_id: UUID) -> Sequence[UUID]:
    """The account and those that were merged into it."""
    return [account_id, *await db.scalars(select(Account.id).where(Account.merged_into == account_id))]


async def devices(db: AsyncSession, citizen: Citizen) -> list[DeviceOut]:
    """The newest first, each with its session's last use."""
    query = select(Device, Session.rotated_at).join(Session, Session.id == Device.session_id)
    mine = query.where(Device.account_id == citizen.id).order_by(Device.id.desc()).limit(DEVICES_MAX)
    return [device_shown(row[0], row[1], citizen) for row in await db.execute(mine)]


def device_shown(device: Device, last_used_at: datetime, citizen: Citizen) -> DeviceOut:
    return DeviceOut(
        id=device.id,
        name=device.name,
        platform=device.platform,
        created_at=device.created_at,
        last_used_at=last_used_at,
        current=device.session_id == citizen.session_id,
    )


async def sign_ins(db: AsyncSession, citizen: Citizen, cursor: str | None, limit: int) -> Sequence[SignInOut]:
    """The newest first; also those to accounts merged into this one. A device has a name as long as its session is known."""
    mine = await same_person(db, citizen.id)
    query = select(AuditEntry).where(AuditEntry.account_id.in_(mine), text(f"action IN ({SIGN_IN_LIST})"))
    query = pages.after(query, [(AuditEntry.id, UUID)], cursor, descending=True)
    entries = (await db.scalars(query.limit(limit + 1))).all()
    opened = [UUID(entry.subject_id) for entry in entries]
    known = await db.execute(select(Session.id, Session.device_name).where(Session.id.in_(opened)))
    names = {row[0]: row[1] for row in known}
    return [_sign_in_shown(entry, names.get(UUID(entry.subject_id), "")) for entry in entries]


def _sign_in_shown(entry: AuditEntry, device_name: str) -> SignInOut:
    return SignInOut(
        id=entry.id,
        at=entry.at,
        kind=convert(entry.action, Literal["signed-in", "proved-again"]),
        method=entry.facts.get("method", ""),
        level=entry.facts.get("level", 0),
        device_name=device_name,
        address=entry.address,
        session_id=UUID(entry.subject_id),
    )


async def push_targets(db: AsyncSession, account_id: UUID, *, signed_out: bool) -> Sequence[Device]:
    """The phones to ring for an account: those where it is still signed in, or all that it knows."""
    alive = Session.ended_at.is_(None) & (Session.expires_at > datetime.now(UTC))
    query = select(Device).join(Session, Session.id == Device.session_id).where(Device.account_id == account_id)
    query = query if signed_out else query.where(alive)
    return (await db.scalars(query.order_by(Device.id.desc()).limit(DEVICES_MAX))).all()


async def language_of(db: AsyncSession, account_id: UUID) -> str:
    return await db.scalar(select(Account.language).where(Account.id == account_id)) or "vi"


async def is_closed(db: AsyncSession, account_id: UUID) -> bool:
    return await db.scalar(select(Account.state).where(Account.id == account_id)) == State.CLOSED


async def export(db: AsyncSession, person: Person, account_id: UUID) -> AsyncGenerator[dict[str, Any]]:
    """The account with its numbers in full: they are the person's own."""
    account = await db.get_one(Account, account_id)
    phone, number = numbers(person, account)
    yield facts_of(account, "merged_into") | {"phone": phone, "personal_number": number}


async def export_devices(db: AsyncSession, account_id: UUID) -> AsyncGenerator[dict[str, Any]]:
    """The phones that ring."""
    async for row in pages.walk(db, select(Device).where(Device.account_id == account_id), Device.id):
        yield facts_of(row[0], "account_id")


def numbers(person: Person, account: Account) -> tuple[str | None, str | None]:
    """Phone and personal number in the clear. Raises Shredded."""
    phone = person.decrypt(rules.PHONE, account.phone_sealed) if account.phone_sealed else None
    number = person.decrypt(rules.NUMBER, account.number_sealed) if account.number_sealed else None
    return phone, number


async def known_words(db: AsyncSession, person: Person, account_id: UUID) -> str:
    """A regular expression for the names and the numbers of a person in texts that others wrote; empty if none is known.

    Those of accounts that were merged into it are sealed with its key as well.
    """
    accounts = await db.scalars(select(Account).where(Account.id.in_(await same_person(db, account_id))))
    patterns = [rules.pattern_of(one.full_name, *numbers(person, one)) for one in accounts.all()]
    return "|".join(dict.fromkeys(filter(None, patterns)))
