"""Reads of accounts; a citizen sees their own only."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import rules
from app.accounts.models import Account, Device
from app.accounts.rules import State
from app.core import pages
from app.core.db import facts_of
from app.core.errors import AppError, Text
from app.core.person_keys import Person
from app.core.principals import Citizen

DEVICES_MAX = 20


class NoSuchDevice(AppError):
    status, code = 404, "no-such-device"
    title = Text("Không có thiết bị này", "No such device")


async def me(db: AsyncSession, citizen: Citizen) -> Account:
    return await db.get_one(Account, citizen.id)


async def devices(db: AsyncSession, citizen: Citizen) -> Sequence[Device]:
    query = select(Device).where(Device.account_id == citizen.id).order_by(Device.id.desc()).limit(DEVICES_MAX)
    return (await db.scalars(query)).all()


async def push_targets(db: AsyncSession, account_id: UUID) -> Sequence[Device]:
    """The phones to ring for an account."""
    query = select(Device).where(Device.account_id == account_id).order_by(Device.id.desc()).limit(DEVICES_MAX)
    return (await db.scalars(query)).all()


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
    """A regular expression for the name and the numbers of a person in texts that others wrote; empty if none is known."""
    account = await db.get_one(Account, account_id)
    return rules.pattern_of(account.full_name, *numbers(person, account))
