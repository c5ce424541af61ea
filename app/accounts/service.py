"""Writes on one's own account: profile, devices, sessions; what is noted on the trail and told."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from msgspec import UNSET
from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import rules
from app.accounts.models import Account, Device, MergeOffer, of_person
from app.accounts.queries import NoSuchDevice
from app.accounts.rules import State
from app.accounts.schemas import NewDevice, Profile
from app.core import audit, outbox, person_keys, sessions
from app.core.crypto import is_masked
from app.core.errors import AppError, Text
from app.core.house import House
from app.core.ids import new_id
from app.core.principals import Citizen, Nobody, Principal
from app.core.sessions import RefreshRefused, Session, TokensOut

PERSONAL = (
    "phone_sealed",
    "phone_index",
    "number_sealed",
    "number_index",
    "former_number_index",
    "eid_issuer",
    "eid_subject",
    "birth_date",
    "eid_refresh_sealed",
    "eid_checked_at",
)
"""Columns of an account that say who it is; the name is another."""


class NameProved(AppError):
    status, code = 409, "name-proved"
    title = Text("Họ tên đã được xác thực", "The name is proved")
    detail = Text("Họ tên lấy từ định danh điện tử, không sửa ở đây.", "It comes from the national eID.")


class Masked(AppError):
    status, code = 422, "masked-value"
    title = Text("Không lưu được giá trị đã che", "A masked value cannot be stored")


def note(
    db: AsyncSession,
    who: Principal,
    action: str,
    subject_kind: str,
    subject_id: UUID,
    *,
    account_id: UUID,
    reason: str = "",
    **facts: Any,
) -> None:
    """An entry on the trail of an account; what matters for its safety is told to the resident as well."""
    entry_id = audit.record(db, who, action, subject_kind, subject_id, account_id=account_id, reason=reason, **facts)
    if action in rules.TOLD:
        outbox.put(db, rules.TELL_JOB, entry_id=entry_id)


async def change(db: AsyncSession, citizen: Citizen, account: Account, profile: Profile) -> Account:
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
    changed = [name for name in profile.__struct_fields__ if getattr(profile, name) is not UNSET]
    note(db, citizen, "profile-changed", "account", account.id, account_id=account.id, fields=changed)
    return account


async def refresh(house: House, refresh_token: str) -> TokensOut:
    """Raises RefreshRefused."""

    async def stolen(db: AsyncSession, session: Session) -> None:
        note(db, Nobody(), "refresh-reused", "session", session.id, account_id=session.subject_id)

    opened = await sessions.rotate(house, "citizen", refresh_token, stolen)
    async with house.database.transaction() as db:
        principal = await principal_of(db, opened.session)
    return sessions.tokens_of(house, principal, opened)


async def principal_of(db: AsyncSession, session: Session) -> Citizen:
    """Who a session's next token stands for, never at a higher level than the account has now. Raises RefreshRefused where nobody
    may be signed in."""
    account = await db.get(Account, session.subject_id)
    if account is None or account.state not in rules.SIGNED_IN:
        raise RefreshRefused
    level = min(session.facts["level"], account.level)
    return Citizen(session.subject_id, session.id, level, session.facts.get("auth_time", 0.0), state=account.state)


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
    device = (await db.scalars(made.returning(Device))).one()
    note(db, citizen, "device-added", "device", device.id, account_id=citizen.id, platform=new.platform)
    return device


async def remove_device(db: AsyncSession, citizen: Citizen, device_id: UUID) -> None:
    """Raises NoSuchDevice."""
    gone = await db.scalar(
        delete(Device).where(Device.id == device_id, Device.account_id == citizen.id).returning(Device.id)
    )
    if gone is None:
        raise NoSuchDevice
    note(db, citizen, "device-removed", "device", device_id, account_id=citizen.id)


async def move_devices(db: AsyncSession, old_session_id: UUID, session_id: UUID) -> None:
    await db.execute(update(Device).where(Device.session_id == old_session_id).values(session_id=session_id))


async def sign_out(db: AsyncSession, house: House, citizen: Citizen, session_id: UUID) -> None:
    """End a session; its phone rings no more. Raises NoSuchSession."""
    await sessions.end_own(db, house, citizen, session_id)
    await db.execute(delete(Device).where(Device.session_id == session_id))
    note(db, citizen, "signed-out", "session", session_id, account_id=citizen.id)


async def sign_out_everywhere(db: AsyncSession, house: House, citizen: Citizen, *, keep_current: bool) -> None:
    """End all sessions, or all but this one; their phones ring no more."""
    keep = citizen.session_id if keep_current else None
    ended = await sessions.end_all(db, house.revocations, citizen.id, keep=keep)
    await db.execute(delete(Device).where(Device.session_id.in_(ended)))
    note(db, citizen, "signed-out-everywhere", "account", citizen.id, account_id=citizen.id, ended=len(ended))


async def forget_devices(db: AsyncSession, session_ids: Sequence[UUID]) -> None:
    """Sessions ended; their phones ring no more."""
    await db.execute(delete(Device).where(Device.session_id.in_(session_ids)))


async def end_sessions(db: AsyncSession, house: House, session_ids: Sequence[UUID]) -> None:
    """End these; their phones ring no more."""
    await sessions.end(db, house.revocations, session_ids)
    await forget_devices(db, session_ids)


async def forget_old_devices(db: AsyncSession) -> None:
    """Phones of sessions that are long over."""
    old = select(Session.id).where(sessions.over(datetime.now(UTC)))
    await db.execute(delete(Device).where(Device.session_id.in_(old)))


async def forget_push(db: AsyncSession, device_id: UUID) -> None:
    """FCM says that this phone is gone."""
    await db.execute(delete(Device).where(Device.id == device_id))


async def erase(db: AsyncSession, account_id: UUID) -> None:
    """Take the person out of a closed account and out of those that were merged into it, and shred their keys: what stays is a
    number that leads to nobody."""
    merged = select(Account.id).where(of_person(account_id))
    ids = (await db.scalars(merged)).all()
    await db.execute(delete(Device).where(Device.account_id.in_(ids)))
    await db.execute(delete(MergeOffer).where(or_(MergeOffer.account_id.in_(ids), MergeOffer.survivor_id.in_(ids))))
    gone = dict.fromkeys(PERSONAL)
    emptied = update(Account).where(Account.id.in_(ids), Account.state == State.CLOSED)
    await db.execute(emptied.values(gone | {"full_name": "", "level": 0}))
    for one in ids:
        await person_keys.shred(db, one)
