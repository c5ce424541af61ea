"""Jobs to run, and who runs them."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from app.core import outbox
from app.core.db import Database
from app.core.ids import new_id
from app.core.settings import Settings
from app.notifications.rules import PUSH_JOB
from workers.context import open_context
from workers.ledger import Ledger
from workers.runner import Runner


async def put(database: Database, **more: Any) -> UUID:
    async with database.transaction() as session:
        return outbox.put(session, PUSH_JOB, message_id=new_id(), **more)


async def state_of(database: Database, job_id: UUID) -> str | None:
    return await database.hot.fetchval("SELECT state FROM outbox WHERE id = $1", job_id)


@asynccontextmanager
async def runner_of(settings: Settings) -> AsyncGenerator[tuple[Runner, Ledger]]:
    async with open_context(settings) as context:
        ledger = Ledger(context.database, new_id())
        yield Runner(context, ledger), ledger
