"""Reads of accounts; a citizen sees their own only."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account, Device
from app.core.errors import AppError, Text
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
