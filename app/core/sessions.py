"""Sessions of people who signed in: short access tokens, refresh secrets that rotate (RFC 9700 §4.14.2).

A refresh secret used twice within TOLERANCE gives the same successor (two taps, a lost answer); later it means that it was
stolen, and the session ends. Successors are derived, so nothing secret is stored.
"""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import CheckConstraint, ColumnElement, LargeBinary, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core import revocations
from app.core.auth import claims_of
from app.core.crypto import Crypto
from app.core.db import Base
from app.core.errors import AppError, Text
from app.core.house import House
from app.core.ids import new_id
from app.core.principals import Citizen, Officer
from app.core.tokens import hash_secret, new_secret
from app.core.wire import Out

TOLERANCE = timedelta(seconds=10)
KEPT = timedelta(days=90)


class RefreshRefused(AppError):
    status, code = 401, "refresh-refused"
    title = Text("Phiên đăng nhập đã kết thúc", "The session is over")
    detail = Text("Vui lòng đăng nhập lại.", "Please sign in again.")

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": 'Bearer realm="khue", error="invalid_token"'})


class NoSuchSession(AppError):
    status, code = 404, "no-such-session"
    title = Text("Không có phiên đăng nhập này", "No such session")


class Session(Base):
    __tablename__ = "session"
    __table_args__ = (CheckConstraint("audience IN ('citizen', 'officer')", name="audience"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    audience: Mapped[str]
    subject_id: Mapped[UUID] = mapped_column(index=True)
    facts: Mapped[dict[str, Any]]
    """What the sign-in proved: the assurance level, the methods used."""
    device_name: Mapped[str]
    refresh_hash: Mapped[bytes] = mapped_column(LargeBinary)
    previous_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    rotated_at: Mapped[datetime]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class SessionOut(Out):
    id: UUID
    device_name: str
    created_at: datetime
    last_used_at: datetime
    current: bool


class TokensOut(Out):
    """RFC 6749 §5.1, with the session's id."""

    access_token: str
    token_type: str
    expires_in: int
    refresh_token: str
    session_id: UUID


class Opened(Struct, frozen=True):
    session: Session
    secret: str


def open_session(
    db: AsyncSession, house: House, audience: str, subject_id: UUID, facts: dict[str, Any], device_name: str
) -> Opened:
    now = datetime.now(UTC)
    secret = new_secret()
    session = Session(
        id=new_id(),
        audience=audience,
        subject_id=subject_id,
        facts=facts,
        device_name=device_name,
        refresh_hash=hash_secret(secret),
        previous_hash=None,
        rotated_at=now,
        created_at=now,
        expires_at=now + timedelta(days=house.settings.tokens.refresh_ttl_days),
        ended_at=None,
    )
    db.add(session)
    return Opened(session, secret)


async def rotate(house: House, audience: str, refresh_token: str) -> Opened:
    """The session and its next secret. Raises RefreshRefused; a stolen secret ends the session first.

    A transaction of its own, because the end of a session must outlive the refusal.
    """
    session_id, secret = _parse(refresh_token)
    async with house.database.transaction() as db:
        session = await db.get(Session, session_id, with_for_update=True)
        now = datetime.now(UTC)
        if session is None or session.audience != audience or session.ended_at or session.expires_at <= now:
            raise RefreshRefused
        used, following = hash_secret(secret), _successor(house.crypto, session.id, secret)
        if used == session.refresh_hash:
            session.previous_hash, session.refresh_hash, session.rotated_at = used, hash_secret(following), now
            session.expires_at = now + timedelta(days=house.settings.tokens.refresh_ttl_days)
            return Opened(session, following)
        if used == session.previous_hash and now - session.rotated_at <= TOLERANCE:
            return Opened(session, following)
        if used == session.previous_hash:
            await end(db, house, [session.id])
    raise RefreshRefused


async def end(db: AsyncSession, house: House, session_ids: list[UUID]) -> None:
    """Ends sessions; their access tokens die here at once, in other processes within `tokens.revocation_poll_s`."""
    now = datetime.now(UTC)
    ttl_s = house.settings.tokens.access_ttl_s
    await db.execute(
        update(Session).where(Session.id.in_(session_ids), Session.ended_at.is_(None)).values(ended_at=now)
    )
    await revocations.revoke(db, session_ids, ttl_s)
    house.auth.revoke(session_ids, now.timestamp() + ttl_s)


def over(now: datetime) -> ColumnElement[bool]:
    """Sessions ended or expired for so long that nobody asks for them any more."""
    return or_(Session.ended_at < now - KEPT, Session.expires_at < now - KEPT)


async def forget_old(db: AsyncSession) -> None:
    await db.execute(delete(Session).where(over(datetime.now(UTC))))


async def own(db: AsyncSession, who: Citizen | Officer) -> Sequence[Session]:
    """Sessions still alive, the newest first."""
    found = await db.scalars(
        select(Session)
        .where(Session.subject_id == who.id, Session.ended_at.is_(None), Session.expires_at > datetime.now(UTC))
        .order_by(Session.id.desc())
        .limit(100)
    )
    return found.all()


async def end_own(db: AsyncSession, house: House, who: Citizen | Officer, session_id: UUID) -> None:
    """Raises NoSuchSession for a session that is over or another's."""
    if session_id not in {session.id for session in await own(db, who)}:
        raise NoSuchSession
    await end(db, house, [session_id])


def shown(session: Session, who: Citizen | Officer) -> SessionOut:
    return SessionOut(
        id=session.id,
        device_name=session.device_name,
        created_at=session.created_at,
        last_used_at=session.rotated_at,
        current=session.id == who.session_id,
    )


def tokens_of(house: House, principal: Citizen | Officer, opened: Opened) -> TokensOut:
    ttl_s = house.settings.tokens.access_ttl_s
    return TokensOut(
        access_token=house.keys.issue(claims_of(principal), opened.session.audience, ttl_s),
        token_type="Bearer",
        expires_in=ttl_s,
        refresh_token=f"{opened.session.id.hex}.{opened.secret}",
        session_id=opened.session.id,
    )


def _parse(refresh_token: str) -> tuple[UUID, str]:
    session_id, _, secret = refresh_token.partition(".")
    try:
        return UUID(hex=session_id), secret
    except ValueError as wrong:
        raise RefreshRefused from wrong


def _successor(crypto: Crypto, session_id: UUID, secret: str) -> str:
    return base64.urlsafe_b64encode(crypto.index("session.refresh", f"{session_id}:{secret}")).rstrip(b"=").decode()
