"""What a worker process holds open, and what a job is given."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from redis.asyncio import Redis

from app.core import db
from app.core.background import running
from app.core.crypto import Crypto
from app.core.db import Database
from app.core.http import Outbound
from app.core.oidc import OidcClient
from app.core.revocations import Revocations
from app.core.settings import Settings
from app.delegations.registries import HttpRegistries, Registries
from app.departments.directory import Directory
from app.notifications.sms import HttpSms, Sms
from workers.fcm import FirebasePush, Push


@dataclass(frozen=True)
class Context:
    settings: Settings
    database: Database
    crypto: Crypto
    revocations: Revocations
    directory: Directory
    eid: OidcClient
    sms: Sms
    registries: Registries
    push: Push


@dataclass(frozen=True)
class Run:
    """One run of one job: its outbox row as it was taken."""

    id: UUID
    attempt: int
    args: dict[str, str]

    def uuid(self, name: str) -> UUID:
        return UUID(self.args[name])


@asynccontextmanager
async def open_context(settings: Settings) -> AsyncGenerator[Context]:
    async with AsyncExitStack() as stack:
        database = await db.connect(settings)
        stack.push_async_callback(database.close)
        outbound = Outbound(settings.http)
        stack.push_async_callback(outbound.close)
        push = FirebasePush(settings.fcm)
        stack.push_async_callback(push.close)
        directory = Directory(database, settings.timezone)
        await directory.refresh()
        redis = Redis.from_url(settings.redis_url, socket_timeout=1.0, socket_connect_timeout=0.5)
        stack.push_async_callback(redis.aclose)
        revocations = Revocations(redis, settings.tokens.access_ttl_s)
        await stack.enter_async_context(running(directory.keep_fresh()))
        yield Context(
            settings=settings,
            database=database,
            crypto=Crypto(settings.crypto),
            revocations=revocations,
            directory=directory,
            eid=OidcClient("national eID", settings.eid, outbound, offline=True),
            sms=HttpSms(settings.sms, outbound),
            registries=HttpRegistries(settings, outbound),
            push=push,
        )
