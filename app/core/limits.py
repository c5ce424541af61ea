"""Rates: the generic cell rate algorithm (GCRA) in Redis, shared by all processes; PostgreSQL or the process itself when Redis
is away. Answers carry `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10)."""

import asyncio
import math
import time
from datetime import datetime
from typing import Any, cast

import structlog
from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import delete, func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Database
from app.core.errors import TooManyRequests
from app.core.settings import Limits as LimitSettings

log = structlog.get_logger()

LOCAL_MAX = 100_000
REDIS_AGAIN_S = 1.0

GRANT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local emission, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local tat = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local free = math.floor((now + burst * emission - tat) / emission)
local granted = math.min(wanted, free)
if granted < 1 then return {0, 0, tat + emission - now - burst * emission} end
tat = tat + granted * emission
redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', math.ceil((tat - now) / 1000) + 1)
return {granted, free - granted, 0}
"""
"""Grants up to `wanted` tokens; answers granted, left, microseconds to wait. Redis keeps the clock."""

GRANT_SQL = """
INSERT INTO rate_counter AS r (key, tat) VALUES ($1, now() + $2 * interval '1 second')
ON CONFLICT (key) DO UPDATE SET tat = greatest(r.tat, now()) + $2 * interval '1 second'
WHERE greatest(r.tat, now()) + ($2 - $3) * interval '1 second' <= now()
RETURNING extract(epoch FROM tat - now())::float8 AS ahead
"""


class RateCounter(Base):
    """When Redis is away, exact rates are kept here."""

    __tablename__ = "rate_counter"

    key: Mapped[str] = mapped_column(primary_key=True)
    tat: Mapped[datetime]


class Rate(Struct, frozen=True):
    """`amount` in `window_s` seconds, up to `burst` at once."""

    name: str
    amount: int
    window_s: int
    burst: int

    @property
    def emission_s(self) -> float:
        return self.window_s / self.amount


class Spent(Struct, frozen=True):
    rate: Rate
    allowed: bool
    left: int
    wait_s: float

    def headers(self) -> list[tuple[bytes, bytes]]:
        rate = self.rate
        reset = math.ceil(self.wait_s if not self.allowed else rate.emission_s)
        return [
            (b"ratelimit-policy", f'"{rate.name}";q={rate.burst};w={math.ceil(rate.burst * rate.emission_s)}'.encode()),
            (b"ratelimit", f'"{rate.name}";r={self.left};t={reset}'.encode()),
        ]

    def check(self) -> None:
        """Raises TooManyRequests, which says when to come again and of which rate."""
        if not self.allowed:
            seconds = max(1, math.ceil(self.wait_s))
            said = {name.decode(): value.decode() for name, value in self.headers()}
            headers = {"Retry-After": str(seconds)} | said
            raise TooManyRequests(headers=headers, retry_after_s=seconds, limit=self.rate.name)


class Share(Struct):
    """Tokens of one caller that this process may still give out, and what Redis had left."""

    tokens: int
    left: int
    since: float
    own: bool = False
    """Granted by the process itself, Redis being away."""


class Limits:
    """One a process."""

    def __init__(self, redis: Redis, database: Database, settings: LimitSettings) -> None:
        self._redis = redis
        self._grant: Any = redis.register_script(GRANT)
        self._database = database
        self._share = settings.local_share
        self._shares: dict[str, Share] = {}
        self._asking: dict[str, asyncio.Task[float]] = {}
        self._redis_again_at = 0.0
        self.caller = Rate("caller", settings.caller_per_minute, 60, settings.caller_burst)

    async def spend(self, rate: Rate, key: str) -> Spent:
        """One token, exactly counted across the city: for what costs money or guards a secret."""
        try:
            granted, left, wait_s = await self._ask_redis(rate, key, 1)
        except (RedisError, OSError):
            return await self._ask_postgres(rate, key)
        return Spent(rate, granted > 0, left, wait_s)

    async def spend_shared(self, rate: Rate, key: str) -> Spent:
        """One token from this process's share: Redis is asked once in `local_share` requests.

        A caller may overrun by one share a process; with Redis away each process paces by itself.
        """
        while True:
            share = self._shares.get(key)
            if share is not None and share.tokens > 0 and share.since + rate.window_s > time.monotonic():
                share.tokens -= 1
                return Spent(rate, True, share.left + share.tokens, 0.0)
            wait_s = await asyncio.shield(self._asking.get(key) or self._ask_share(rate, key))
            if wait_s > 0:
                return Spent(rate, False, 0, wait_s)

    def _ask_share(self, rate: Rate, key: str) -> "asyncio.Task[float]":
        """All that wait for one caller's share wait for one question."""
        self._asking[key] = asyncio.create_task(self._take_share(rate, key))
        return self._asking[key]

    async def _take_share(self, rate: Rate, key: str) -> float:
        """0 when there are tokens again, else the seconds until there are."""
        try:
            granted, left, wait_s = await self._ask_redis(rate, key, self._share)
        except (RedisError, OSError):
            return self._by_itself(rate, key)
        finally:
            self._asking.pop(key, None)  # here and not in a callback: nobody may wait for what is over
        if granted < 1:
            return wait_s
        self._hold(key, Share(granted, left, time.monotonic()))
        return 0.0

    def _by_itself(self, rate: Rate, key: str) -> float:
        """As `_take_share`, without Redis: a burst, and the next when that one has run full again."""
        now, share = time.monotonic(), self._shares.get(key)
        again_at = share.since + rate.burst * rate.emission_s if share is not None and share.own else now
        if again_at > now:
            return again_at - now
        self._hold(key, Share(rate.burst, 0, now, own=True))
        return 0.0

    def _hold(self, key: str, share: Share) -> None:
        if len(self._shares) >= LOCAL_MAX:
            self._shares.clear()
        self._shares[key] = share

    async def _ask_redis(self, rate: Rate, key: str, wanted: int) -> tuple[int, int, float]:
        now = time.monotonic()
        if now < self._redis_again_at:
            raise ConnectionError
        try:
            emission_us = int(rate.emission_s * 1_000_000)
            answer = await self._grant(keys=[f"rate:{rate.name}:{key}"], args=[emission_us, rate.burst, wanted])
        except (RedisError, OSError) as wrong:
            self._redis_again_at = now + REDIS_AGAIN_S
            log.warning("rates without Redis", error=type(wrong).__name__)
            raise
        granted, left, wait_us = cast(list[int], answer)
        return granted, left, wait_us / 1_000_000

    async def _ask_postgres(self, rate: Rate, key: str) -> Spent:
        row = await self._database.hot.fetchrow(
            GRANT_SQL, f"{rate.name}:{key}", rate.emission_s, rate.emission_s * rate.burst
        )
        if row is None:
            return Spent(rate, False, 0, rate.emission_s)
        return Spent(rate, True, int(rate.burst - row["ahead"] / rate.emission_s), 0.0)


async def forget_old(db: AsyncSession) -> None:
    """Counters that have run full again."""
    await db.execute(delete(RateCounter).where(RateCounter.tat < func.now()))
