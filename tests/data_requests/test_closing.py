"""The end of an account begins: a grace, and a way back."""

import asyncio
from datetime import datetime, timedelta

import pytest

from app.core.house import House
from app.core.ids import new_id
from app.data_requests.rules import CLOSE_JOB
from sandbox.phone import Resident
from tests.consents.purposes import purpose, yes
from tests.data_requests.clocks import REQUESTS, TO_HANDLE, age, due, queued, until
from tests.data_requests.closings import DELETE, account_of, closed, closing, refreshed, run_again, state_of, taken
from tests.make import EVERYWHERE, Make
from workers.context import Run, open_context
from workers.registry import WORKERS


async def test_an_account_that_is_closing_only_looks(make: Make, citizen: Resident) -> None:
    made = await citizen.post(REQUESTS, DELETE)
    gap = datetime.fromisoformat(made["acts_at"]) - datetime.fromisoformat(made["filed_at"])
    assert (made["status"], gap) == ("acknowledged", timedelta(days=7))
    await citizen.get("/v1/citizen/me", status=401)  # the token said active
    await refreshed(citizen)
    assert (await citizen.get("/v1/citizen/me"))["state"] == "closing"
    for path, body in (
        ("/v1/citizen/tickets", make.new_ticket()),
        (REQUESTS, DELETE),
        (REQUESTS, {"kind": "see", "words": "Mọi thứ"}),
        ("/v1/citizen/consents", yes("surveys")),
    ):
        problem = await citizen.post(path, body, status=403)
        assert (problem["code"], problem["params"]["state"]) == ("state-forbids", "closing")


async def test_who_changes_their_mind_is_active_again(make: Make, citizen: Resident, house: House) -> None:
    made = await closing(citizen)
    ended = await citizen.post(f"{REQUESTS}/{made['id']}/cancellations")
    assert ended["status"] == "cancelled"
    await refreshed(citizen)
    assert (await citizen.get("/v1/citizen/me"))["state"] == "active"
    await make.ticket(citizen)
    await age(house, made["id"], timedelta(days=8))
    async with open_context(house.settings) as context:
        await WORKERS[CLOSE_JOB.name](context, Run(new_id(), 1, {"request_id": made["id"]}))
    assert (await citizen.get("/v1/citizen/me"))["state"] == "active"
    assert (await citizen.post(REQUESTS, DELETE))["id"] != made["id"]


async def test_a_consent_can_be_withdrawn_while_closing(citizen: Resident, house: House) -> None:
    consent = await citizen.post("/v1/citizen/consents", yes(await purpose(house)))
    await closing(citizen)
    await citizen.post(f"/v1/citizen/consents/{consent['id']}/withdrawals")


async def test_before_its_time_nothing_happens(citizen: Resident, house: House) -> None:
    made = await closing(citizen)
    async with open_context(house.settings) as context:
        await WORKERS[CLOSE_JOB.name](context, Run(new_id(), 1, {"request_id": made["id"]}))
    assert (await citizen.get("/v1/citizen/me"))["state"] == "closing"


async def test_an_officer_may_refuse_a_deletion_but_not_call_it_done(
    make: Make, citizen: Resident, house: House
) -> None:
    dpo = await make.officer(EVERYWHERE, role="data-protection")
    account = await account_of(citizen)
    made = await closing(citizen)
    path = f"{TO_HANDLE}/{made['id']}"
    problem = await dpo.post(f"{path}/completions", {"text": "Đã xoá."}, status=409)
    assert problem["code"] == "data-request-by-house"
    await dpo.post(f"{path}/refusals", {"ground": "under-investigation", "text": "Vụ việc đang được giải quyết."})
    assert await state_of(house, account) == "active"


@pytest.mark.usefixtures("worker")
async def test_an_account_that_somebody_suspended_waits(citizen: Resident, house: House) -> None:
    account = await account_of(citizen)
    made = await closing(citizen)
    await house.database.hot.execute("UPDATE account SET state = 'suspended' WHERE id = $1", account)
    await age(house, made["id"], timedelta(days=8))
    await due(house, CLOSE_JOB.name, request_id=made["id"])

    async def put_off() -> bool:
        sql = "SELECT due_at > now() + interval '23 hours' FROM outbox WHERE job = $1 AND args @> $2"
        return await house.database.hot.fetchval(sql, CLOSE_JOB.name, {"request_id": made["id"]})

    await until(put_off)
    assert await state_of(house, account) == "suspended"


async def test_while_it_waits_one_next_look_is_put_off_however_often_the_job_runs(
    citizen: Resident, house: House
) -> None:
    account = await account_of(citizen)
    made = await closing(citizen)
    await house.database.hot.execute("UPDATE account SET state = 'suspended' WHERE id = $1", account)
    await age(house, made["id"], timedelta(days=8))
    await taken(house, made["id"])
    await run_again(house, made["id"])
    assert await queued(house, CLOSE_JOB.name, request_id=made["id"]) == 1
    assert await state_of(house, account) == "suspended"


async def test_two_deletions_at_once_are_one(citizen: Resident) -> None:
    headers = {"Authorization": f"Bearer {citizen.token}"}
    answers = await asyncio.gather(
        *(
            citizen.api.post(REQUESTS, json=DELETE, headers=headers | {"Idempotency-Key": f'"d{number}"'})
            for number in range(2)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]


@pytest.mark.usefixtures("worker")
async def test_who_was_held_meanwhile_is_closing_again_when_let_go(make: Make, citizen: Resident, house: House) -> None:
    desk = await make.officer(EVERYWHERE, role="administrator")
    account = await account_of(citizen)
    made = await closing(citizen)
    for to, is_now in (("suspended", "suspended"), ("active", "closing")):
        said = {"to": to, "reason": "Người dân báo mất điện thoại"}
        await desk.post(f"/v1/officer/accounts/{account}/states", said)
        assert await state_of(house, account) == is_now
    await closed(house, made["id"])
    assert await state_of(house, account) == "closed"


async def test_a_deletion_that_was_cancelled_erases_nobody_whatever_came_between(
    make: Make, citizen: Resident, house: House
) -> None:
    account = await account_of(citizen)
    made = await closing(citizen)
    await house.database.hot.execute("UPDATE account SET state = 'active' WHERE id = $1", account)
    await age(house, made["id"], timedelta(days=8))
    async with open_context(house.settings) as context:
        await WORKERS[CLOSE_JOB.name](context, Run(new_id(), 1, {"request_id": made["id"]}))
    assert await state_of(house, account) == "active"


@pytest.mark.usefixtures("worker")
async def test_what_is_being_erased_cannot_be_refused_any_more(make: Make, citizen: Resident, house: House) -> None:
    dpo = await make.officer(EVERYWHERE, role="data-protection")
    account = await account_of(citizen)
    made = await closing(citizen)
    await house.database.hot.execute("UPDATE account SET state = 'closed' WHERE id = $1", account)
    refusal = {"ground": "under-investigation", "text": "Vụ việc đang được giải quyết."}
    problem = await dpo.post(f"{TO_HANDLE}/{made['id']}/refusals", refusal, status=409)
    assert problem["code"] == "data-request-refuses"
