"""What the tests of administration send and look at."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from app.core.house import House
from sandbox.phone import Officer, moments

OFFICERS = "/v1/officer/officers"
WHY = {"reason": "Quyết định phân công số 12/QĐ"}
PAST = (datetime.now(UTC) - timedelta(days=1)).isoformat()
SOON, LATER = ((datetime.now(UTC) + timedelta(days=days)).isoformat() for days in (1, 9))
_subjects = iter(range(1000, 60_000))


def new_officer(**changed: Any) -> dict[str, Any]:
    body = {"subject": f"officer-{next(_subjects)}", "full_name": "Phạm Thu Hà", "department_code": "SO-XD"}
    return body | WHY | changed


def role(code: str, **changed: Any) -> dict[str, Any]:
    return {"role_code": code} | WHY | changed


async def refreshed(officer: Officer) -> None:
    body = {"refresh_token": officer.refresh_token}
    officer.keep(await officer.post("/v1/public/officer-session-refreshes", body))


async def entries(house: House, officer_id: str) -> list[Any]:
    return await house.database.hot.fetch(
        "SELECT action, reason, actor_id, unit, facts FROM audit_entry WHERE subject_kind = 'officer' AND subject_id = $1"
        " ORDER BY id",
        str(officer_id),
    )


async def until_somebody_waits(house: House, who: "asyncio.Task[Any]") -> None:
    """Until a request waits for a lock in the database; it must not be done without."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async for _ in moments(5):
        if who.done() or await house.database.hot.fetchval(waiting):
            break
    assert not who.done()
