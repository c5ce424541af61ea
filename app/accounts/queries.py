"""Reads of accounts; a citizen sees their own only."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import rules
from app.accounts.models import Account, Device
from app.accounts.schemas import AccountOut
from app.core.crypto import mask
from app.core.errors import AppError, Text
from app.core.person_keys import Person
from app.core.principals import Citizen

DEVICES_MAX = 20


class NoSuchDevice(AppError):
    status, code = 404, "no-such-device"
    title = Text("Không có thiết bị này", "No such device")


async def me(db: AsyncSession, citizen: Citizen) -> Account:
    return await db.get_one(Account, citizen.id)


async def same_person(db: AsyncSession, account_id: UUID) -> Sequence[UUID]:
    """The account and those that were merged into it."""
    return [account_id, *await db.scalars(select(Account.id).where(Account.merged_into == account_id))]


async def devices(db: AsyncSession, citizen: Citizen) -> Sequence[Device]:
    query = select(Device).where(Device.account_id == citizen.id).order_by(Device.id.desc()).limit(DEVICES_MAX)
    return (await db.scalars(query)).all()


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
