"""What one process holds open, made once by the composition root and reached through `app.state.house`."""

from dataclasses import dataclass

from redis.asyncio import Redis

from app.core.auth import Auth
from app.core.crypto import Crypto
from app.core.db import Database
from app.core.http import Outbound
from app.core.limits import Limits
from app.core.settings import Settings
from app.core.tokens import Keys


@dataclass(frozen=True)
class House:
    settings: Settings
    database: Database
    redis: "Redis[bytes]"
    keys: Keys
    auth: Auth
    crypto: Crypto
    limits: Limits
    outbound: Outbound
