"""Sessions that ended before their tokens: written with the sign-out, read by every API process."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core.auth import Auth
from app.core.db import Base, Database

log = structlog.get_logger()

OVERLAP = timedelta(seconds=10)
"""How far each look reaches back: a transaction may commit later than the moment it wrote down."""


class Revocation(Base):
    __tablename__ = "revocation"

    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    until: Mapped[datetime]
    """When the session's last access token has expired by itself."""


async def revoke(db: AsyncSession, session_ids: list[UUID], ttl_s: int) -> None:
    now = datetime.now(UTC)
    for session_id in session_ids:
        await db.merge(Revocation(session_id=session_id, at=now, until=now + timedelta(seconds=ttl_s)))


async def read(database: Database, auth: Auth, since: datetime) -> None:
    rows = await database.hot.fetch("SELECT session_id, until FROM revocation WHERE at >= $1 AND until > now()", since)
    if rows:
        auth.revoke([row["session_id"] for row in rows], max(row["until"].timestamp() for row in rows))


async def poll(database: Database, auth: Auth, every_s: float) -> None:
    """Runs as long as the process. If PostgreSQL is away, tokens live on until they expire: ten minutes at most."""
    since = datetime(2000, 1, 1, tzinfo=UTC)
    while True:
        looked_at = datetime.now(UTC)
        try:
            await read(database, auth, since)
            since = looked_at - OVERLAP
        except Exception as wrong:
            log.warning("revocations not read", error=type(wrong).__name__)
        await asyncio.sleep(every_s)


async def forget_old(db: AsyncSession) -> None:
    await db.execute(delete(Revocation).where(Revocation.until < datetime.now(UTC)))
