"""What the tests of the desk say and look up."""

from typing import Any
from urllib.parse import quote

import httpx2

from app.core.house import House
from sandbox.phone import Client

REASON = "Xác minh phản ánh của người dân"
WHY = {"X-Access-Reason": quote(REASON)}


async def look(officer: Client, path: str, status: int = 200, **more: Any) -> Any:
    """A GET with a reason, or a POST if there is something to send."""
    method = "POST" if "json" in more else "GET"
    answer: httpx2.Response = await officer.call(method, f"/v1/officer{path}", status=status, headers=WHY, **more)
    return answer.json()


async def entries(house: House, officer: Client) -> list[Any]:
    """What is on the trail of what this officer opened."""
    return await house.database.hot.fetch("SELECT * FROM audit_entry WHERE actor_id = $1 ORDER BY id", officer.id)
