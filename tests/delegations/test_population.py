"""The population registry: what it says counts, when it says nothing or nonsense nothing happens."""

from collections.abc import Callable
from datetime import date
from typing import Any

import httpx2
import pytest

from sandbox import people
from sandbox.phone import moments
from tests.delegations.conftest import DELEGATIONS, GUARDIANS, Adult, Town, on_behalf, stored
from tests.make import Make

TICKETS = "/v1/citizen/tickets"
Do = Callable[..., Any]


LIES = (
    {"child": {"number": "001216000001", "full_name": "Ai Đó", "birth_date": "2016-05-04"}},
    {"as_of": "2090-01-01T00:00:00Z"},
    {"as_of": "2025-01-01T00:00:00"},
    {"found": "yes"},
    {"relation": "neighbour"},
)


@pytest.mark.parametrize(
    "fault", ["error", "nonsense", *range(len(LIES)), "slow"]
)  # what is slow comes later, even into a lie
async def test_when_the_registry_fails_or_lies_nothing_is_stored_and_later_it_works(
    town: Town, outside: httpx2.AsyncClient, no_faults: None, fault: str | int
) -> None:
    parent = await town.adult()
    kid = await town.birth(parent)
    if isinstance(fault, int):
        await outside.put("/registries/lies/population", json=LIES[fault])
    else:
        await outside.put("/faults/population", json={"kind": fault, "seconds": 10})
    answer = await parent.client.call("POST", GUARDIANS, json=kid.named, key="k", status=503)
    assert answer.json()["code"] == "outside-unavailable"
    assert answer.headers["retry-after"]
    assert await stored(town, kid) == (0, 0)
    await outside.delete("/faults")
    async for _ in moments(5):  # the breaker may be open
        headers = {"Authorization": f"Bearer {parent.client.token}", "Idempotency-Key": '"k"'}
        again = await parent.client.api.post(GUARDIANS, json=kid.named, headers=headers)
        if again.status_code == 201:
            break
    assert await stored(town, kid) == (1, 1)


async def test_the_same_key_answers_the_same_even_while_the_registry_is_down(
    town: Town, outside: httpx2.AsyncClient, no_faults: None
) -> None:
    parent = await town.adult()
    kid = await town.birth(parent)
    first = await parent.client.call("POST", GUARDIANS, json=kid.named, key="once", status=201)
    await outside.put("/faults/population", json={"kind": "error"})
    again = await parent.client.call("POST", GUARDIANS, json=kid.named, key="once", status=201)
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    other = (await town.birth(parent, order=1)).named
    reused = await parent.client.call("POST", GUARDIANS, json=other, key="once", status=422)
    assert reused.json()["code"] == "idempotency-key-reused"


async def test_a_guardian_who_is_one_no_more_is_found_out(
    town: Town, run: Do, outside: httpx2.AsyncClient, no_faults: None
) -> None:
    parent = await town.adult()
    kid = await town.birth(parent)
    held = await parent.client.post(GUARDIANS, kid.named)
    await run("delegation-recheck", delegation_id=held["id"])
    assert (await parent.client.get(f"{DELEGATIONS}/{held['id']}"))["state"] == "active"
    await town.lose(parent, kid.number)
    await town.sql("UPDATE delegation SET recheck_at = now() WHERE id = $1::text::uuid", held["id"])
    await run("delegations-recheck")
    due = "SELECT count(*) FROM outbox WHERE job = 'delegation-recheck' AND args->>'delegation_id' = $1"
    assert await town.sql(due, held["id"]) == 1
    await run("delegation-recheck", delegation_id=held["id"])
    await run("delegation-recheck", delegation_id=held["id"])
    shown = await parent.client.get(f"{DELEGATIONS}/{held['id']}")
    assert (shown["state"], shown["end_reason"]) == ("ended", "role-lost")
    refused = await on_behalf(parent.client, held["other"]["account_id"], "GET", TICKETS, status=403)
    assert refused["code"] == "not-on-behalf"


async def test_the_family_on_the_sandboxs_page_is_there_to_try(town: Town, make: Make) -> None:
    page = (await town.outside.get("/registries/")).text
    child, parent = people.child(20, date(town.today.year - 3, 1, 15)), make.resident()
    assert child.number in page
    assert people.resident(2).full_name in page
    await parent.sign_in_by_eid("resident-0002")
    named = {"personal_number": child.number, "birth_date": str(child.birth_date)}
    assert (await parent.post(GUARDIANS, named))["other"]["name"] == child.full_name


async def test_nobody_tries_numbers_out(town: Town) -> None:
    parent: Adult = await town.adult()
    named = {"personal_number": "001216000001", "birth_date": "2016-05-04"}
    for _ in range(10):
        await parent.client.post(GUARDIANS, named, status=403)
    assert (await parent.client.post(GUARDIANS, named, status=429))["code"] == "too-many-requests"
