"""Opens and closes what one API process holds."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from redis.asyncio import Redis

from app.core import db, revocations, signing_keys
from app.core.auth import Auth
from app.core.background import running
from app.core.crypto import Crypto
from app.core.db import Database
from app.core.house import House
from app.core.http import Outbound
from app.core.limits import Limits
from app.core.revocations import Revocations
from app.core.settings import Settings
from app.core.tokens import Keys

log = structlog.get_logger()


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
        crypto = Crypto(settings.crypto)
        keys = await open_keys(settings, database, crypto)
        auth = Auth(keys)
        await stack.enter_async_context(
            running(
                revocations.poll(database, auth, settings.tokens.revocation_poll_s),
                revocations.listen(settings.redis_url, auth),
                _keep_keys(settings, database, crypto, keys, auth),
            )
        )
        yield House(
            settings=settings,
            database=database,
            redis=redis,
            keys=keys,
            auth=auth,
            crypto=crypto,
            limits=Limits(redis, database, settings.limits),
            revocations=Revocations(redis, settings.tokens.access_ttl_s, auth),
            outbound=outbound,
        )


async def open_keys(settings: Settings, database: Database, crypto: Crypto) -> Keys:
    """The keys of our access tokens, made the first time."""
    async with database.transaction() as session:
        await signing_keys.ensure(session, crypto)
        return Keys(settings.tokens.issuer, await signing_keys.read(session, crypto, signing_keys.ACCESS))


async def _keep_keys(settings: Settings, database: Database, crypto: Crypto, keys: Keys, auth: Auth) -> None:
    """Runs as long as the process. A key that is next is read long before it signs, so that nobody waits for a rotation."""
    while True:
        await asyncio.sleep(settings.tokens.keys_read_s)
        try:
            async with database.transaction() as session:
                held = await signing_keys.read(session, crypto, signing_keys.ACCESS)
            if keys.hold(held):
                auth.forget()
        except Exception as wrong:
            log.warning("signing keys not read", error=type(wrong).__name__)
