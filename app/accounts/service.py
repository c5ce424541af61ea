"""Writes on one's own account: profile, devices, sessions."""

from datetime import UTC, datetime
from uuid import UUID

from msgspec import UNSET
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account, Device
from app.accounts.queries import NoSuchDevice
from app.accounts.schemas import NewDevice, Profile
from app.core import sessions
from app.core.crypto import is_masked
from app.core.errors import AppError, Text
from app.core.house import House
from app.core.ids import new_id
from app.core.principals import Citizen
from app.core.sessions import RefreshRefused, Session, TokensOut


class NameProved(AppError):
    status, code = 409, "name-proved"
    title = Text("Họ tên đã được xác thực", "The name is proved")
    detail = Text("Họ tên lấy từ định danh điện tử, không sửa ở đây.", "It comes from the national eID.")


class Masked(AppError):
    status, code = 422, "masked-value"
    title = Text("Không lưu được giá trị đã che", "A masked value cannot be stored")


async def change(db: AsyncSession, account: Account, profile: Profile) -> Account:
    """Raises NameProved, Masked."""
    if profile.full_name is not UNSET:
        if account.level > 0:
            raise NameProved
        if is_masked(profile.full_name):
            raise Masked
        account.full_name = profile.full_name
    if profile.language is not UNSET:
        account.language = profile.language
    account.version += 1
    await db.flush()
    return account


async def refresh(house: House, refresh_token: str) -> TokensOut:
    """Raises RefreshRefused."""
    opened = await sessions.rotate(house, "citizen", refresh_token)
    level = opened.session.facts.get("level")
    if not isinstance(level, int):
        raise RefreshRefused
    return sessions.tokens_of(house, Citizen(opened.session.subject_id, opened.session.id, level), opened)


async def add_device(db: AsyncSession, citizen: Citizen, new: NewDevice) -> Device:
    """Register a phone for pushes. A phone belongs to who registered it last; again is no change."""
    made = insert(Device).values(
        id=new_id(),
        account_id=citizen.id,
        session_id=citizen.session_id,
        kind=new.kind,
        value=new.value,
        name=new.name,
        platform=new.platform,
        created_at=datetime.now(UTC),
    )
    taken = made.excluded
    made = made.on_conflict_do_update(
        index_elements=["value"],
        set_={"account_id": taken.account_id, "session_id": taken.session_id, "name": taken.name},
    )
    return (await db.scalars(made.returning(Device))).one()


async def remove_device(db: AsyncSession, citizen: Citizen, device_id: UUID) -> None:
    """Raises NoSuchDevice."""
    gone = await db.scalar(
        delete(Device).where(Device.id == device_id, Device.account_id == citizen.id).returning(Device.id)
    )
    if gone is None:
        raise NoSuchDevice


async def move_devices(db: AsyncSession, old_session_id: UUID, session_id: UUID) -> None:
    await db.execute(update(Device).where(Device.session_id == old_session_id).values(session_id=session_id))


async def sign_out(db: AsyncSession, house: House, citizen: Citizen, session_id: UUID) -> None:
    """End a session; its phone rings no more. Raises NoSuchSession."""
    await sessions.end_own(db, house, citizen, session_id)
    await db.execute(delete(Device).where(Device.session_id == session_id))


async def forget_old_devices(db: AsyncSession) -> None:
    """Phones of sessions that are long over."""
    old = select(Session.id).where(sessions.over(datetime.now(UTC)))
    await db.execute(delete(Device).where(Device.session_id.in_(old)))


async def forget_push(db: AsyncSession, device_id: UUID) -> None:
    """FCM says that this phone is gone."""
    await db.execute(delete(Device).where(Device.id == device_id))
