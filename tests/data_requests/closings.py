"""Accounts on their way out."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from app.core.house import House
from app.core.ids import new_id
from app.data_requests.rules import CLOSE_JOB
from sandbox.phone import Resident
from tests.data_requests.clocks import REQUESTS, age, due, until
from workers.context import Run, open_context
from workers.registry import WORKERS

DELETE = {"kind": "delete"}


async def refreshed(citizen: Resident) -> Resident:
    """The app takes new tokens, which say what the account has become."""
    citizen.keep(await citizen.post("/v1/public/session-refreshes", {"refresh_token": citizen.refresh_token}))
    return citizen


async def closing(citizen: Resident) -> dict[str, Any]:
    """Asked for its deletion."""
    made = await citizen.post(REQUESTS, DELETE)
    await refreshed(citizen)
    return made


async def closed(house: House, request_id: str) -> None:
    """The grace is over, and the worker has done it."""
    await age(house, request_id, timedelta(days=8))
    await due(house, CLOSE_JOB.name, request_id=request_id)

    async def done() -> bool:
        sql = "SELECT status = 'completed' FROM data_request WHERE id = $1"
        return await house.database.hot.fetchval(sql, UUID(request_id))

    await until(done)


async def run_again(house: House, request_id: str) -> None:
    """The job of this request, taken once more by workers that do not know of each other: two at once, and a late one."""
    run = Run(new_id(), 1, {"request_id": request_id})
    async with open_context(house.settings) as context:
        await asyncio.gather(*(WORKERS[CLOSE_JOB.name](context, run) for _ in range(2)))
        await WORKERS[CLOSE_JOB.name](context, run)


async def taken(house: House, request_id: str) -> None:
    """As if a worker were at the job, so that it waits no more."""
    wanted = {"request_id": request_id}
    await house.database.hot.execute("DELETE FROM outbox WHERE job = $1 AND args @> $2", CLOSE_JOB.name, wanted)


async def account_of(citizen: Resident) -> UUID:
    return UUID((await citizen.get("/v1/citizen/me"))["id"])


async def state_of(house: House, account: UUID) -> str:
    return await house.database.hot.fetchval("SELECT state FROM account WHERE id = $1", account)
