"""What one process holds open, made once by the composition root and reached through `app.state.house`."""

from dataclasses import dataclass
from typing import Any, cast

from litestar.types import Scope
from redis.asyncio import Redis

from app.core.auth import Auth
from app.core.crypto import Crypto
from app.core.db import Database
from app.core.http import Outbound
from app.core.limits import Limits
from app.core.revocations import Revocations
from app.core.settings import Settings
from app.core.tokens import Keys

RATE = "khue.rate"
"""Where a request's scope keeps what its caller has spent, for the porch to say."""


@dataclass(frozen=True)
class House:
    settings: Settings
    database: Database
    redis: Redis
    keys: Keys
    auth: Auth
    crypto: Crypto
    limits: Limits
    revocations: Revocations
    outbound: Outbound

    async def pace(self, scope: Scope, key: str) -> None:
        """Every caller has a rate. Raises TooManyRequests."""
        spent = await self.limits.spend_shared(self.limits.caller, key)
        spent.check()
        cast(dict[str, Any], scope)[RATE] = spent
