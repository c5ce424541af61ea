"""What runs beside everything else for as long as something is open."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def running(*jobs: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    """Each in a task of its own; at the end they are cancelled and heard out, so that they close what they opened."""
    tasks = [asyncio.create_task(one) for one in jobs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
