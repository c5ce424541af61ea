"""The clock moved by hand: jobs made due, moments moved back, and waiting for what a worker does."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from app.core.house import House
from sandbox.phone import Officer, Resident, moments

REQUESTS = "/v1/citizen/data-requests"
TO_HANDLE = "/v1/officer/data-requests"


async def due(house: House, job: str, **args: Any) -> None:
    """Whoever waits for the clock is due now."""
    wanted = {name: str(value) for name, value in args.items()}
    await house.database.hot.execute(
        "UPDATE outbox SET due_at = now() WHERE job = $1 AND state = 'waiting' AND args @> $2", job, wanted
    )


async def queued(house: House, job: str, **args: Any) -> int:
    wanted = {name: str(value) for name, value in args.items()}
    return await house.database.hot.fetchval("SELECT count(*) FROM outbox WHERE job = $1 AND args @> $2", job, wanted)


async def age(house: House, request_id: str, by: timedelta) -> None:
    """As if the request had been filed so much earlier."""
    moved = ", ".join(
        f"{name} = {name} - $2::interval"
        for name in ("filed_at", "answer_due_at", "first_due_at", "due_at", "next_due_at", "acts_at")
    )
    await house.database.hot.execute(f"UPDATE data_request SET {moved} WHERE id = $1", UUID(request_id), by)


async def until(check: Callable[[], Awaitable[Any]], seconds: float = 10) -> Any:
    """What the check says, as soon as it says something."""
    async for _ in moments(seconds):
        if found := await check():
            return found
    raise AssertionError("it did not come")


async def told(citizen: Resident, template_title: str) -> dict[str, Any]:
    async def look() -> Any:
        found = (await citizen.get("/v1/citizen/messages"))["items"]
        return next((one for one in found if one["title"] == template_title), None)

    return await until(look)


async def walk(dpo: Officer, query: str = "") -> list[dict[str, Any]]:
    """The whole list of work."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = await dpo.get(f"{TO_HANDLE}?limit=2{query}{cursor}")
        found += page["items"]
        if not page.get("next"):
            return found
        cursor = f"&cursor={page['next']}"
