"""Opens and closes what one API process holds."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from redis.asyncio import Redis

from app.core import db, revocations
from app.core.auth import Auth
from app.core.crypto import Crypto
from app.core.house import House
from app.core.http import Outbound
from app.core.limits import Limits
from app.core.settings import Settings
from app.core.tokens import Keys


@asynccontextmanager
async def open_house(settings: Settings) -> AsyncGenerator[House]:
    """Everything the API needs, closed again in reverse order. Raises CannotConnect."""
    async with AsyncExitStack() as stack:
        database = await db.connect(settings)
        stack.push_async_callback(database.close)
        redis = Redis.from_url(settings.redis_url, socket_timeout=1.0, socket_connect_timeout=0.5)
        stack.push_async_callback(redis.aclose)
        outbound = Outbound(settings.http)
        stack.push_async_callback(outbound.close)
        keys = Keys(settings.tokens)
        auth = Auth(keys)
        polling = asyncio.create_task(revocations.poll(database, auth, settings.tokens.revocation_poll_s))
        stack.callback(polling.cancel)
        yield House(
            settings=settings,
            database=database,
            redis=redis,
            keys=keys,
            auth=auth,
            crypto=Crypto(settings.crypto),
            limits=Limits(redis, database, settings.limits),
            outbound=outbound,
        )
