"""A person acts for a business as long as the business registry says so, and may appoint others."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx2
import pytest

from sandbox.phone import moments
from tests.delegations.conftest import BUSINESSES, DELEGATIONS, Town, id_of, on_behalf
from tests.make import Make
from workers.outcomes import Later

TICKETS = "/v1/citizen/tickets"
APPOINTMENTS = f"{DELEGATIONS}/appointments"
Do = Callable[..., Any]


async def test_the_legal_representative_acts_for_a_business(town: Town, make: Make) -> None:
    boss = await town.adult()
    code = await town.company(legal_representative=boss)
    held = await boss.client.post(BUSINESSES, {"tax_code": code})
    assert (held["kind"], held["role"], held["state"]) == ("business", "legal-representative", "active")
    assert "health" not in held["scopes"]
    assert (held["other"]["name"], held["other"]["tax_code"]) == (f"Công ty {code}", code)
    business_id = held["other"]["account_id"]
    ticket = await on_behalf(boss.client, business_id, "POST", TICKETS, status=201, json=make.new_ticket())
    kind = "SELECT account.kind FROM account JOIN ticket ON citizen_id = account.id WHERE ticket.id = $1::text::uuid"
    assert await town.sql(kind, ticket["id"]) == "business"
    done = (await boss.client.get(f"{DELEGATIONS}/{held['id']}/acts"))["items"]
    assert [one["action"] for one in done] == ["ticket-filed"]


async def test_several_people_of_one_business_find_one_account_even_at_once(town: Town) -> None:
    boss, clerk = await town.adult(), await town.adult()
    code = await town.company(legal_representative=boss, authorised=clerk)
    asked = [one.client.post(BUSINESSES, {"tax_code": code}) for one in (boss, clerk, boss)]
    held = await asyncio.gather(*asked)
    assert len({one["other"]["account_id"] for one in held}) == 1
    assert held[0]["id"] == held[2]["id"] != held[1]["id"]
    assert held[1]["role"] == "authorised"


async def test_no_role_no_business_and_a_closed_one_get_the_same_answer(town: Town) -> None:
    boss, stranger = await town.adult(), await town.adult()
    code = await town.company(legal_representative=boss)
    closed = await town.company(status="closed", legal_representative=stranger)
    answers = [
        await stranger.client.post(BUSINESSES, {"tax_code": one}, status=403) for one in (code, "0100109106", closed)
    ]
    said = [{name: one[name] for name in one if name != "request_id"} for one in answers]
    assert said[0]["code"] == "role-not-proved"
    assert said[0] == said[1] == said[2]
    index = town.house.crypto.index("business.tax_code", code)
    assert await town.sql("SELECT count(*) FROM business WHERE code_index = $1", index) == 0


async def test_a_branch_is_a_business_of_its_own(town: Town) -> None:
    boss = await town.adult()
    code = await town.company(legal_representative=boss)
    branch = await town.company(code=f"{code}-001", authorised=boss)
    whole = await boss.client.post(BUSINESSES, {"tax_code": code})
    part = await boss.client.post(BUSINESSES, {"tax_code": branch.replace("-", "")})
    assert part["other"]["tax_code"] == branch
    assert part["other"]["account_id"] != whole["other"]["account_id"]


async def test_a_household_business_has_its_owners_number_which_is_shown_masked(town: Town) -> None:
    owner = await town.adult()
    await town.company(code=owner.known.number, legal_representative=owner)
    held = await owner.client.post(BUSINESSES, {"tax_code": owner.known.number})
    assert held["other"]["tax_code"] == owner.known.number[:3] + "••••••" + owner.known.number[-3:]
    assert held["other"]["account_id"] != str(await id_of(owner.client))
    again = town.make.resident()
    await again.sign_in_by_eid(owner.known.subject)
    assert await id_of(again) == await id_of(owner.client)


@pytest.mark.parametrize("fault", ["error", "nonsense", "lie"])
async def test_when_the_registry_fails_or_lies_nothing_is_stored(
    town: Town, outside: httpx2.AsyncClient, no_faults: None, fault: str
) -> None:
    boss = await town.adult()
    code = await town.company(legal_representative=boss)
    if fault == "lie":
        other = {"tax_code": "0100109106", "name": "Công ty khác", "status": "active"}
        await outside.put("/registries/lies/business", json={"business": other})
    else:
        await outside.put("/faults/business", json={"kind": fault})
    assert (await boss.client.post(BUSINESSES, {"tax_code": code}, status=503))["code"] == "outside-unavailable"
    assert (await boss.client.get(DELEGATIONS))["items"] == []
    await outside.delete("/faults")
    async for _ in moments(5):
        headers = {"Authorization": f"Bearer {boss.client.token}", "Idempotency-Key": '"k"'}
        if (await boss.client.api.post(BUSINESSES, json={"tax_code": code}, headers=headers)).status_code == 201:
            break
    assert len((await boss.client.get(DELEGATIONS))["items"]) == 1


async def test_the_registry_is_asked_again_and_a_role_that_is_lost_ends_it(
    town: Town, run: Do, outside: httpx2.AsyncClient, no_faults: None
) -> None:
    boss = await town.adult()
    code = await town.company(legal_representative=boss)
    held = await boss.client.post(BUSINESSES, {"tax_code": code})
    aged = (
        "UPDATE delegation SET begins_at = now() - interval '20 days', ends_at = now() + interval '1 day'"
        " WHERE id = $1::text::uuid"
    )
    await town.sql(aged, held["id"])
    await town.company(code=code, authorised=boss)
    await run("delegation-recheck", delegation_id=held["id"])
    confirmed = await boss.client.get(f"{DELEGATIONS}/{held['id']}")
    assert (confirmed["state"], confirmed["role"]) == ("active", "authorised")
    assert confirmed["ends_at"] >= held["ends_at"]
    await outside.put("/faults/business", json={"kind": "error"})
    with pytest.raises(Later):
        await run("delegation-recheck", delegation_id=held["id"])
    assert (await boss.client.get(f"{DELEGATIONS}/{held['id']}"))["state"] == "active"
    await outside.delete("/faults")
    await town.lose(boss, code)
    async for _ in moments(5):  # the breaker may be open
        with suppress(Later):
            await run("delegation-recheck", delegation_id=held["id"])
            break
    shown = await boss.client.get(f"{DELEGATIONS}/{held['id']}")
    assert (shown["state"], shown["end_reason"]) == ("ended", "role-lost")
    refused = await on_behalf(boss.client, held["other"]["account_id"], "GET", TICKETS, status=403)
    assert refused["code"] == "not-on-behalf"


async def test_a_legal_representative_appoints_and_what_they_appointed_ends_with_them(
    town: Town, run: Do, make: Make
) -> None:
    boss = await town.adult()
    code = await town.company(legal_representative=boss)
    held = await boss.client.post(BUSINESSES, {"tax_code": code})
    business_id = held["other"]["account_id"]
    clerk, phone = await town.with_phone()
    _, other_phone = await town.with_phone()
    given = await boss.client.post(APPOINTMENTS, town.grant(phone) | {"business_id": business_id})
    waiting = await boss.client.post(APPOINTMENTS, town.grant(other_phone) | {"business_id": business_id})
    assert (given["side"], given["represented"]["name"]) == ("appointed", f"Công ty {code}")
    assert (await clerk.get(DELEGATIONS))["items"][0]["other"]["name"] == f"Công ty {code}"
    await clerk.post(f"{DELEGATIONS}/{given['id']}/acceptances")
    await on_behalf(clerk, business_id, "POST", TICKETS, status=201, json=make.new_ticket())
    acts = f"{DELEGATIONS}/{given['id']}/acts"
    assert [one["action"] for one in (await boss.client.get(acts))["items"]] == ["ticket-filed"]
    health = town.grant(town.new_phone(), "health") | {"business_id": business_id}
    assert (await boss.client.post(APPOINTMENTS, health, status=422))["code"] == "scope-unfit"
    await town.lose(boss, code)
    await run("delegation-recheck", delegation_id=held["id"])
    refused = await on_behalf(clerk, business_id, "GET", TICKETS, status=403)
    assert refused["code"] == "not-on-behalf"
    assert (await clerk.get(f"{DELEGATIONS}/{given['id']}"))["end_reason"] == "role-lost"
    assert (await boss.client.get(f"{DELEGATIONS}/{waiting['id']}"))["state"] == "revoked"


async def test_nobody_else_appoints(town: Town, make: Make) -> None:
    boss, clerk = await town.adult(), await town.adult()
    code = await town.company(legal_representative=boss, authorised=clerk)
    business_id = (await clerk.client.post(BUSINESSES, {"tax_code": code}))["other"]["account_id"]
    stranger = await make.citizen(level=2)
    for who in (clerk.client, stranger):
        body = town.grant(town.new_phone()) | {"business_id": business_id}
        assert (await who.post(APPOINTMENTS, body, status=404))["code"] == "no-such-delegation"
    own = town.grant(town.new_phone()) | {"business_id": str(await id_of(stranger))}
    assert (await stranger.post(APPOINTMENTS, own, status=404))["code"] == "no-such-delegation"


@pytest.mark.parametrize(
    "code", ["0101234566", "1234567890", "0101234565-000", "0101234565-1", "abcdefghij", "01012345650"]
)
async def test_a_tax_code_that_cannot_be_is_refused(town: Town, code: str) -> None:
    boss = await town.adult()
    assert (await boss.client.post(BUSINESSES, {"tax_code": code}, status=422))["code"] == "bad-tax-code"
