"""Reads of accounts; a citizen sees their own only."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import convert
from sqlalchemy import or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import rules
from app.accounts.models import Account, Device
from app.accounts.schemas import AccountOut, DeviceOut, SignInOut
from app.core import pages
from app.core.audit import SIGN_IN_LIST, AuditEntry
from app.core.crypto import mask
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


async def sign_ins(db: AsyncSession, citizen: Citizen, cursor: str | None, limit: int) -> Sequence[AuditEntry]:
    """The newest first; also those to accounts merged into this one."""
    ids = select(Account.id).where(or_(Account.id == citizen.id, Account.merged_into == citizen.id))
    query = select(AuditEntry).where(AuditEntry.account_id.in_(ids), text(f"action IN ({SIGN_IN_LIST})"))
    return (
        await db.scalars(pages.after(query, [(AuditEntry.id, UUID)], cursor, descending=True).limit(limit + 1))
    ).all()


def sign_in_shown(entry: AuditEntry) -> SignInOut:
    return SignInOut(
        id=entry.id,
        at=entry.at,
        kind=convert(entry.action, Literal["signed-in", "proved-again"]),
        method=entry.facts.get("method", ""),
        level=entry.facts.get("level", 0),
        device_name=entry.facts.get("device", ""),
        address=entry.address,
        session_id=UUID(entry.subject_id),
    )


async def push_targets(db: AsyncSession, account_id: UUID) -> Sequence[Device]:
    """The phones to ring for an account."""
    query = select(Device).where(Device.account_id == account_id).order_by(Device.id.desc()).limit(DEVICES_MAX)
    return (await db.scalars(query)).all()


async def language_of(db: AsyncSession, account_id: UUID) -> str:
    return await db.scalar(select(Account.language).where(Account.id == account_id)) or "vi"


def shown(account: Account, citizen: Citizen, person: Person) -> AccountOut:
    """An account as its owner sees it, numbers masked."""
    phone = person.decrypt(rules.PHONE, account.phone_sealed) if account.phone_sealed else None
    number = person.decrypt(rules.NUMBER, account.number_sealed) if account.number_sealed else None
    return AccountOut(
        id=account.id,
        level=account.level,
        session_level=citizen.level,
        full_name=account.full_name,
        phone=mask(phone, 5, 3) if phone else None,
        personal_number=mask(number, 3, 3) if number else None,
        birth_date=account.birth_date,
        language=account.language,
        state=account.state,
        created_at=account.created_at,
    )
