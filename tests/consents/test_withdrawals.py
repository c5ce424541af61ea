"""A withdrawal reaches what is queued already."""

from typing import Any
from uuid import UUID

import httpx2
import pytest

from app.consents import queries
from app.consents.rules import SURVEYS
from app.core.house import House
from app.core.ids import new_id
from sandbox.phone import Officer, Resident, eventually
from tests.consents.purposes import yes
from tests.data_requests.clocks import due, queued, until
from tests.make import Make
from workers.context import Run, open_context
from workers.registry import WORKERS

pytestmark = pytest.mark.usefixtures("worker")
CONSENTS = "/v1/citizen/consents"


async def asked(house: House, ticket: dict[str, Any]) -> UUID | None:
    """The message that asks for a rating."""
    return await house.database.hot.fetchval(
        "SELECT id FROM message WHERE template_code = 'ticket-rate' AND subject_id = $1", UUID(ticket["id"])
    )


async def test_who_agrees_is_asked_for_a_rating_some_days_after_the_answer(
    make: Make, citizen: Resident, officer: Officer, house: House, outside: httpx2.AsyncClient
) -> None:
    await citizen.post(CONSENTS, yes(SURVEYS))
    ticket = await make.ticket(citizen)
    await make.answered(officer, ticket)
    token = await citizen.get_phone()
    assert await asked(house, ticket) is None
    await due(house, "ticket-rate-reminder", ticket_id=ticket["id"])
    wanted = f"Bạn có hài lòng với kết quả của {ticket['code']}?"

    async def rung() -> bool:
        pushes = (await outside.get(f"/phones/{token}/messages")).json()
        return wanted in [one["notification"]["title"] for one in pushes]

    await until(rung)


async def test_who_did_not_agree_or_has_rated_is_not_asked(
    make: Make, citizen: Resident, officer: Officer, house: House
) -> None:
    agreed = await make.citizen()
    await agreed.post(CONSENTS, yes(SURVEYS))
    rated, silent = await make.ticket(agreed), await make.ticket(citizen)
    for ticket in (rated, silent):
        await make.answered(officer, ticket)
    await agreed.post(f"/v1/citizen/tickets/{rated['id']}/ratings", {"rating": "satisfied"})
    for ticket in (rated, silent):
        await due(house, "ticket-rate-reminder", ticket_id=ticket["id"])
        await until(lambda one=ticket: gone(house, "ticket-rate-reminder", ticket_id=one["id"]))
        assert await asked(house, ticket) is None


async def gone(house: House, job: str, **args: Any) -> bool:
    return not await queued(house, job, **args)


async def test_a_withdrawal_drops_the_reminder_that_waits(
    make: Make, citizen: Resident, officer: Officer, house: House
) -> None:
    made = await citizen.post(CONSENTS, yes(SURVEYS))
    ticket = await make.ticket(citizen)
    await make.answered(officer, ticket)
    assert await queued(house, "ticket-rate-reminder", ticket_id=ticket["id"]) == 1
    await citizen.post(f"{CONSENTS}/{made['id']}/withdrawals")
    await until(lambda: gone(house, "ticket-rate-reminder", ticket_id=ticket["id"]))


async def test_a_withdrawal_drops_the_push_that_has_not_rung(
    make: Make, citizen: Resident, officer: Officer, house: House, outside: httpx2.AsyncClient, no_faults: None
) -> None:
    made = await citizen.post(CONSENTS, yes(SURVEYS))
    ticket = await make.ticket(citizen)
    await make.answered(officer, ticket)
    token = await citizen.get_phone()
    await outside.put("/faults/fcm", json={"kind": "error", "status": 503})
    await due(house, "ticket-rate-reminder", ticket_id=ticket["id"])
    message = await until(lambda: asked(house, ticket))
    await until(lambda: failed(house, message))
    await citizen.post(f"{CONSENTS}/{made['id']}/withdrawals")
    await until(lambda: gone(house, "push", message_id=message))
    await outside.delete("/faults")
    assert (await outside.get(f"/phones/{token}/messages")).json() == []


async def failed(house: House, message: UUID) -> bool:
    """The push was tried, and waits to be tried again."""
    return bool(
        await house.database.hot.fetchval(
            "SELECT count(*) FROM outbox WHERE job = 'push' AND failures > 0 AND args @> $1",
            {"message_id": str(message)},
        )
    )


async def test_a_push_for_a_purpose_asks_for_the_consent_at_the_moment_it_rings(
    make: Make, citizen: Resident, officer: Officer, house: House, outside: httpx2.AsyncClient
) -> None:
    """Even if the withdrawal's own job has not run yet."""
    ticket = await make.ticket(citizen)
    token = await citizen.get_phone()
    message = new_id()
    account = UUID((await citizen.get("/v1/citizen/me"))["id"])
    await house.database.hot.execute(
        "INSERT INTO message (id, account_id, template_code, params, subject_kind, subject_id, created_at)"
        " VALUES ($1, $2, 'ticket-rate', $3, 'ticket', $4, now())",
        message,
        account,
        {"code": ticket["code"]},
        UUID(ticket["id"]),
    )
    async with open_context(house.settings) as context:
        await WORKERS["push"](context, Run(new_id(), 1, {"message_id": str(message)}))
        rung = [one["data"]["message_id"] for one in (await outside.get(f"/phones/{token}/messages")).json()]
        assert str(message) not in rung
        await citizen.post(CONSENTS, yes(SURVEYS))
        await WORKERS["push"](context, Run(new_id(), 1, {"message_id": str(message)}))
    rung = [one["data"]["message_id"] for one in await eventually(outside, f"/phones/{token}/messages")]
    assert str(message) in rung


async def test_a_consent_that_a_newer_one_carries_on_drops_nothing(
    make: Make, citizen: Resident, officer: Officer, house: House
) -> None:
    first = await citizen.post(CONSENTS, yes(SURVEYS))
    ticket = await make.ticket(citizen)
    await make.answered(officer, ticket)
    await citizen.post(CONSENTS, yes(SURVEYS, language="en"))
    await until(lambda: gone(house, "consent-withdrawn", consent_id=first["id"]))
    assert await queued(house, "ticket-rate-reminder", ticket_id=ticket["id"]) == 1
    account = UUID((await citizen.get("/v1/citizen/me"))["id"])
    async with house.database.transaction() as db:
        assert await queries.allows(db, account, SURVEYS, "contact")
