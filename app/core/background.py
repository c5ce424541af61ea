"""What runs beside everything else for as long as something is open."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from app.core.db import begin_scope


@asynccontextmanager
async def running(*jobs: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    """Each in a task of its own; at the end they are cancelled and heard out, so that they close what they opened."""
    tasks = [asyncio.create_task(_alone(one)) for one in jobs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _alone(job: Coroutine[Any, Any, None]) -> None:
    """Its transactions are not those of whoever started it."""
    begin_scope()
    await job
