"""Tokens that end before their time: written with their cause, told to every API process by Redis, and read from PostgreSQL
behind that.

Worst-case delay until another process refuses a token: a few milliseconds by Redis; without Redis
`tokens.revocation_poll_s`; with PostgreSQL away as well, the life of the token (ten minutes).
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core.auth import Auth, Revoked
from app.core.db import Base, Database, after_commit

log = structlog.get_logger()

CHANNEL = "khue:revoked"
OVERLAP = timedelta(seconds=10)
"""How far each look reaches back: a transaction may commit later than the moment it wrote down."""
LISTEN_AGAIN_S = 0.5
NEVER = datetime(9999, 1, 1, tzinfo=UTC)


class Revocation(Base):
    __tablename__ = "revocation"

    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    before: Mapped[datetime] = mapped_column(server_default="9999-01-01 00:00:00+00")
    """Tokens issued earlier are refused; for a session that ended, all."""
    until: Mapped[datetime]
    """When the last of those tokens has expired by itself."""


class Revocations:
    """Writes them; one a process. `auth` is this process's own memory of tokens, if it has one."""

    def __init__(self, redis: Redis, ttl_s: int, auth: Auth | None = None) -> None:
        self._redis = redis
        self._ttl_s = ttl_s
        self._auth = auth

    async def end(self, db: AsyncSession, session_ids: Sequence[UUID]) -> None:
        """No token of these sessions is good any more, once this transaction has committed."""
        await self._write(db, session_ids, NEVER)

    async def renew(self, db: AsyncSession, session_ids: Sequence[UUID]) -> None:
        """What their tokens say is no longer so: the app has to refresh them."""
        await self._write(db, session_ids, datetime.now(UTC))

    async def _write(self, db: AsyncSession, session_ids: Sequence[UUID], before: datetime) -> None:
        now = datetime.now(UTC)
        until = now + timedelta(seconds=self._ttl_s)
        if not session_ids:
            return
        rows = [{"session_id": one, "at": now, "before": before, "until": until} for one in session_ids]
        made = insert(Revocation).values(rows)
        later = {name: made.excluded[name] for name in ("at", "before", "until")}
        kept = Revocation.before < made.excluded.before
        await db.execute(made.on_conflict_do_update(index_elements=["session_id"], set_=later, where=kept))
        revoked = [Revoked(one, before.timestamp(), until.timestamp()) for one in session_ids]

        async def tell() -> None:
            await self._tell(revoked)

        after_commit(db, tell)

    async def _tell(self, revoked: list[Revoked]) -> None:
        if self._auth is not None:
            self._auth.revoke(revoked)
        try:
            await self._redis.publish(CHANNEL, msgspec.json.encode(revoked))
        except (RedisError, OSError) as wrong:
            log.warning("revocation not published", error=type(wrong).__name__)


async def listen(redis_url: str, auth: Auth) -> None:
    """Runs as long as the process. Without Redis the poll is slower, and enough."""
    while True:
        redis = Redis.from_url(redis_url)
        try:
            async with redis.pubsub() as heard:
                await heard.subscribe(CHANNEL)
                async for message in heard.listen():
                    if message["type"] == "message":
                        auth.revoke(msgspec.json.decode(message["data"], type=list[Revoked]))
        except Exception as wrong:
            log.warning("revocations not heard", error=type(wrong).__name__)
        finally:
            await redis.aclose()
        await asyncio.sleep(LISTEN_AGAIN_S)


async def poll(database: Database, auth: Auth, every_s: float) -> None:
    """Runs as long as the process."""
    since = datetime(2000, 1, 1, tzinfo=UTC)
    while True:
        looked_at = datetime.now(UTC)
        try:
            await _read(database, auth, since)
            since = looked_at - OVERLAP
        except Exception as wrong:
            log.warning("revocations not read", error=type(wrong).__name__)
        await asyncio.sleep(every_s)


async def _read(database: Database, auth: Auth, since: datetime) -> None:
    rows = await database.hot.fetch(
        "SELECT session_id, before, until FROM revocation WHERE at >= $1 AND until > now()", since
    )
    if rows:
        auth.revoke([Revoked(row[0], row[1].timestamp(), row[2].timestamp()) for row in rows])


async def forget_old(db: AsyncSession) -> None:
    await db.execute(delete(Revocation).where(Revocation.until < datetime.now(UTC)))
