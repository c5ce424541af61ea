"""What a worker process holds open, and what a job is given."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from app.core import db
from app.core.crypto import Crypto
from app.core.db import Database
from app.core.http import Outbound
from app.core.settings import Settings
from app.departments.directory import Directory
from app.notifications.sms import HttpSms, Sms
from workers.fcm import FirebasePush, Push


@dataclass(frozen=True)
class Context:
    settings: Settings
    database: Database
    crypto: Crypto
    directory: Directory
    sms: Sms
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
        fresh = asyncio.create_task(directory.keep_fresh())
        stack.callback(fresh.cancel)
        yield Context(settings, database, Crypto(settings.crypto), directory, HttpSms(settings.sms, outbound), push)
