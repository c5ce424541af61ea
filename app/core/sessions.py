"""Sessions of people who signed in: short access tokens, refresh secrets that rotate (RFC 9700 §4.14.2).

A refresh secret used twice within TOLERANCE gives the same successor (two taps, a lost answer); later it means that it was
stolen, and the session ends, however many successors it has had. Successors are derived and each carries our tag, so that
any secret we ever gave out is known again and none is stored.
"""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct, structs
from sqlalchemy import CheckConstraint, ColumnElement, Index, LargeBinary, delete, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core import pages, refresh_secrets
from app.core.auth import claims_of
from app.core.db import Base, facts_of
from app.core.errors import AppError, Text
from app.core.house import House
from app.core.ids import new_id
from app.core.principals import Citizen, Officer
from app.core.revocations import Revocations
from app.core.tokens import hash_secret
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
    __table_args__ = (
        CheckConstraint("audience IN ('citizen', 'officer')", name="audience"),
        Index("session_used_idx", "rotated_at", postgresql_where=text("audience = 'citizen' AND ended_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    audience: Mapped[str]
    subject_id: Mapped[UUID] = mapped_column(index=True)
    facts: Mapped[dict[str, Any]]
    """What the sign-in proved: the assurance level, the methods used."""
    upstream: Mapped[str | None] = mapped_column(index=True)
    """The session at the provider by which this one was opened or raised; empty if the provider names none, None if there
    was no provider."""
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
    methods: list[str]
    """How the person proved who they are (RFC 8176)."""
    level: int | None
    """A resident's assurance level."""
    created_at: datetime
    last_used_at: datetime
    """When it last got an access token: ten minutes behind at most."""
    current: bool


class AccessOut(Out):
    """RFC 6749 §5.1, with the session's id; the refresh token stays as it is."""

    access_token: str
    token_type: str
    expires_in: int
    session_id: UUID


class TokensOut(AccessOut):
    """The same with a new refresh token."""

    refresh_token: str


class Opened(Struct, frozen=True):
    session: Session
    secret: str


Stolen = Callable[[AsyncSession, Session], Awaitable[None]]


def open_session(
    db: AsyncSession, house: House, audience: str, subject_id: UUID, facts: dict[str, Any], device_name: str
) -> Opened:
    now = datetime.now(UTC)
    session_id = new_id()
    secret = refresh_secrets.first(house.crypto, session_id)
    session = Session(
        id=session_id,
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


async def rotate(house: House, audience: str, refresh_token: str, stolen: Stolen | None = None) -> Opened:
    """The session and its next secret. Raises RefreshRefused; a stolen secret ends the session first.

    A transaction of its own, because the end of a session must outlive the refusal. `stolen` is told in it.
    """
    found = refresh_secrets.parse(refresh_token)
    if found is None:
        raise RefreshRefused
    session_id, secret = found
    async with house.database.transaction() as db:
        session = await db.get(Session, session_id, with_for_update=True)
        now = datetime.now(UTC)
        if session is None or session.audience != audience or session.ended_at or session.expires_at <= now:
            raise RefreshRefused
        used, following = hash_secret(secret), refresh_secrets.following(house.crypto, session.id, secret)
        soon = now - session.rotated_at <= TOLERANCE
        if used == session.refresh_hash:
            session.previous_hash, session.refresh_hash, session.rotated_at = used, hash_secret(following), now
            session.expires_at = now + timedelta(days=house.settings.tokens.refresh_ttl_days)
            return Opened(session, following)
        if used == session.previous_hash and soon:
            return Opened(session, following)
        if not soon and (used == session.previous_hash or refresh_secrets.is_ours(house.crypto, session.id, secret)):
            await end(db, house.revocations, [session.id])
            if stolen is not None:
                await stolen(db, session)
    raise RefreshRefused


async def end(db: AsyncSession, revocations: Revocations, session_ids: Sequence[UUID]) -> None:
    """Ends sessions; how soon their access tokens are refused everywhere: `core/revocations.py`."""
    now = datetime.now(UTC)
    await db.execute(
        update(Session).where(Session.id.in_(session_ids), Session.ended_at.is_(None)).values(ended_at=now)
    )
    await revocations.end(db, session_ids)


async def end_all(
    db: AsyncSession, revocations: Revocations, subject_id: UUID, *, keep: UUID | None = None
) -> Sequence[UUID]:
    """Ends every session of a person but one; the ids of those that ended."""
    ended = [one for one in await _alive_ids(db, subject_id) if one != keep]
    await end(db, revocations, ended)
    return ended


async def end_upstream(
    db: AsyncSession, revocations: Revocations, subject_id: UUID | None, upstream: str = ""
) -> Sequence[UUID]:
    """Ends the sessions that a provider opened or raised: a person's, or those of one session there; the ids of those that ended.

    Neither named: none.
    """
    if subject_id is None and not upstream:
        return []
    found = select(Session.id).where(Session.upstream.is_not(None), Session.ended_at.is_(None))
    found = found.where(Session.upstream == upstream) if upstream else found
    found = found.where(Session.subject_id == subject_id) if subject_id is not None else found
    ended = (await db.scalars(found)).all()
    await end(db, revocations, ended)
    return ended


async def renew_all(db: AsyncSession, revocations: Revocations, subject_id: UUID) -> None:
    """What the tokens of a person say is no longer so: they have to be refreshed."""
    await revocations.renew(db, await _alive_ids(db, subject_id))


async def prove(db: AsyncSession, session_id: UUID, facts: dict[str, Any], upstream: str | None = None) -> Session:
    """The person in front of the phone has just proved again who they are; from now on the session has these facts too.

    `upstream` is the session at the provider that vouches for it. Raises RefreshRefused for a session that is over.
    """
    session = await alive(db, session_id)
    session.facts = session.facts | facts
    session.upstream = session.upstream if upstream is None else upstream
    return session


async def alive(db: AsyncSession, session_id: UUID) -> Session:
    """A session, locked. Raises RefreshRefused for one that is over."""
    session = await db.get(Session, session_id, with_for_update=True, populate_existing=True)
    if session is None or session.ended_at or session.expires_at <= datetime.now(UTC):
        raise RefreshRefused
    return session


def over(now: datetime) -> ColumnElement[bool]:
    """Sessions ended or expired for so long that nobody asks for them any more."""
    return or_(Session.ended_at < now - KEPT, Session.expires_at < now - KEPT)


async def forget_old(db: AsyncSession) -> None:
    await db.execute(delete(Session).where(over(datetime.now(UTC))))


async def export(db: AsyncSession, subject_ids: Sequence[UUID]) -> AsyncGenerator[dict[str, Any]]:
    """Every session of a person that is still known: where and how they signed in."""
    async for row in pages.walk(db, select(Session).where(Session.subject_id.in_(subject_ids)), Session.id):
        yield facts_of(row[0], "subject_id")


async def erase(db: AsyncSession, subject_id: UUID) -> None:
    """Forget the sessions of a person; they have ended before."""
    await db.execute(delete(Session).where(Session.subject_id == subject_id))


async def own(db: AsyncSession, who: Citizen | Officer) -> Sequence[Session]:
    """Sessions still alive, the newest first."""
    found = await db.scalars(
        select(Session)
        .where(Session.subject_id == who.id, Session.ended_at.is_(None), Session.expires_at > datetime.now(UTC))
        .order_by(Session.id.desc())
        .limit(100)
    )
    return found.all()


async def is_new_device(db: AsyncSession, session: Session) -> bool:
    """Whether the person was signed in before, and never on a device of this name. The first of all is no news."""
    earlier = (Session.subject_id == session.subject_id) & (Session.id != session.id)
    known = await db.scalar(select(func.bool_or(Session.device_name == session.device_name)).where(earlier))
    return known is False


async def name_of(db: AsyncSession, session_id: UUID) -> str:
    """What its device is called; empty if it has no name, or the session is no longer known."""
    return await db.scalar(select(Session.device_name).where(Session.id == session_id)) or ""


async def end_own(db: AsyncSession, house: House, who: Citizen | Officer, session_id: UUID) -> None:
    """Raises NoSuchSession for a session that is over or another's."""
    if session_id not in await _alive_ids(db, who.id):
        raise NoSuchSession
    await end(db, house.revocations, [session_id])


def shown(session: Session, who: Citizen | Officer) -> SessionOut:
    return SessionOut(
        id=session.id,
        device_name=session.device_name,
        methods=session.facts.get("amr", []),
        level=session.facts.get("level"),
        created_at=session.created_at,
        last_used_at=session.rotated_at,
        current=session.id == who.session_id,
    )


def tokens_of(house: House, principal: Citizen | Officer, opened: Opened) -> TokensOut:
    access = access_of(house, principal, opened.session)
    return TokensOut(**structs.asdict(access), refresh_token=refresh_secrets.written(opened.session.id, opened.secret))


def access_of(house: House, principal: Citizen | Officer, session: Session) -> AccessOut:
    """A new access token for a session that goes on; an officer's ends with the first of the rights it speaks of."""
    ttl_s = house.settings.tokens.access_ttl_s
    if isinstance(principal, Officer) and principal.until:
        ttl_s = max(0, min(ttl_s, int(principal.until - time.time())))
    token = house.keys.issue(claims_of(principal), session.audience, ttl_s)
    return AccessOut(access_token=token, token_type="Bearer", expires_in=ttl_s, session_id=session.id)


async def _alive_ids(db: AsyncSession, subject_id: UUID) -> Sequence[UUID]:
    alive = select(Session.id).where(Session.subject_id == subject_id, Session.ended_at.is_(None))
    return (await db.scalars(alive)).all()
