"""Personal data is opened with a reason, which is kept, or not at all."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest

from app.core import person_keys
from app.core.house import House
from app.core.ids import new_id
from app.desk.rules import LOOKUP_RATE
from sandbox import people
from sandbox.phone import Officer, Resident
from tests.desk.desk import REASON, WHY, entries, look
from tests.make import EVERYWHERE, Make

DOORS = [
    ("POST", "/account-lookups"),
    ("GET", "/accounts/{account}"),
    ("GET", "/accounts/{account}/numbers"),
    ("GET", "/accounts/{account}/sign-ins"),
    ("GET", "/accounts/{account}/states"),
    ("GET", "/tickets/{ticket}/sender"),
    ("GET", "/trail?account={account}"),
]


@pytest.fixture
async def administrator(make: Make) -> Officer:
    return await make.officer(EVERYWHERE, role="administrator")


@pytest.fixture(scope="module")
async def resident(make: Make) -> Resident:
    """Proved by the eID: has a personal number."""
    one = make.resident()
    await one.sign_in_by_eid("resident-0701")
    one.id = UUID((await one.get("/v1/citizen/me"))["id"])
    return one


@pytest.fixture(scope="module")
async def all_seeing(make: Make) -> Officer:
    return await make.officer_with(*((role, None, None) for role in ("administrator", "auditor", "coordinator")))


@pytest.mark.parametrize(("method", "path"), DOORS)
@pytest.mark.parametrize(
    "header", [None, "", "   ", "%20%09", "x", "...", quote("ạ" * 301), "X\u00e1c minh".encode("latin-1"), "100%"]
)
async def test_without_a_reason_nothing_is_opened(
    make: Make,
    all_seeing: Officer,
    resident: Resident,
    house: House,
    method: str,
    path: str,
    header: str | bytes | None,
) -> None:
    ticket = await make.ticket(resident)
    filled = path.format(account=resident.id, ticket=ticket["id"])
    before = await entries(house, all_seeing)
    headers: dict[str, Any] = {} if header is None else {"X-Access-Reason": header}
    body = {"json": {"personal_number": people.resident(701).number}} if method == "POST" else {}
    answer = await all_seeing.call(method, f"/v1/officer{filled}", status=422, headers=headers, **body)
    assert answer.json()["code"] == "reason-needed"
    assert await entries(house, all_seeing) == before


@pytest.mark.parametrize(("method", "path"), DOORS)
async def test_every_opening_is_on_the_trail_with_its_reason_and_unit(
    make: Make, resident: Resident, house: House, method: str, path: str
) -> None:
    ticket = await make.ticket(resident)
    officer = await make.officer_with(*((role, None, None) for role in ("administrator", "auditor", "coordinator")))
    body = {"json": {"personal_number": people.resident(701).number}} if method == "POST" else {}
    await look(officer, path.format(account=resident.id, ticket=ticket["id"]), **body)
    (entry,) = await entries(house, officer)
    assert (entry["account_id"], entry["reason"], entry["unit"]) == (resident.id, REASON, "TTPVHCC")
    assert entry["actor_kind"] == "officer"
    assert entry["address"]
    assert entry["request_id"]
    said = str(dict(entry.items()))
    assert people.resident(701).number not in said
    assert people.resident(701).full_name not in said


async def test_an_account_is_found_by_its_whole_number_only(
    administrator: Officer, resident: Resident, house: House
) -> None:
    known = people.resident(701)
    found = await look(administrator, "/account-lookups", json={"personal_number": known.number})
    assert found["account"] == {"id": str(resident.id), "full_name": known.full_name, "state": "active"}
    for part in (known.number[:6], known.number[:3] + "••••••" + known.number[-3:], known.number[:-1] + "%"):
        problem = await look(administrator, "/account-lookups", 400, json={"personal_number": part})
        assert problem["code"] == "invalid-input"
    assert len(await entries(house, administrator)) == 1


async def test_an_account_is_found_by_its_telephone(
    make: Make, administrator: Officer, new_phone: Callable[[], str], worker: None
) -> None:
    phone, one = new_phone(), make.resident()
    await one.sign_in_by_phone(phone)
    me = await one.get("/v1/citizen/me")
    for written in (phone, "0" + phone[3:]):
        assert (await look(administrator, "/account-lookups", json={"phone": written}))["account"]["id"] == me["id"]
    shown = await look(administrator, f"/accounts/{me['id']}")
    assert shown["phone"] == phone[:5] + "••••" + phone[-3:]
    assert (await look(administrator, f"/accounts/{me['id']}/numbers"))["phone"] == phone


@pytest.mark.parametrize("asked", [{"phone": "0988111222"}, {"personal_number": "001099009999"}])
async def test_a_lookup_that_finds_nobody_is_on_the_trail_without_the_number(
    administrator: Officer, house: House, asked: dict[str, str]
) -> None:
    assert await look(administrator, "/account-lookups", json=asked) == {"account": None}
    (entry,) = await entries(house, administrator)
    assert (entry["action"], entry["account_id"], entry["reason"]) == ("account.looked-up", None, REASON)
    assert entry["facts"] == {"found": False}
    (number,) = asked.values()
    assert number.lstrip("0") not in str(dict(entry.items()))


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, "lookup-unclear"),
        ({"phone": "0912345678", "personal_number": "001099009999"}, "lookup-unclear"),
        ({"phone": "02438253536"}, "bad-phone"),
        ({"phone": "not a phone"}, "bad-phone"),
        ({"phone": "+8491•••678"}, "bad-phone"),
    ],
)
async def test_a_lookup_that_is_unclear_is_refused(administrator: Officer, asked: dict[str, str], code: str) -> None:
    assert (await look(administrator, "/account-lookups", 422, json=asked))["code"] == code


async def test_numbers_cannot_be_tried_in_a_row(make: Make, house: House) -> None:
    officer = await make.officer(EVERYWHERE, role="administrator")
    for _ in range(LOOKUP_RATE.burst):
        await house.limits.spend(LOOKUP_RATE, str(officer.id))
    answer = await officer.call(
        "POST", "/v1/officer/account-lookups", json={"phone": "0988111222"}, headers=WHY, status=429
    )
    assert int(answer.headers["retry-after"]) > 0
    assert await entries(house, officer) == []


async def test_an_account_is_shown_masked_and_unmasked_by_an_act_of_its_own(
    make: Make, resident: Resident, house: House
) -> None:
    known = people.resident(701)
    coordinator = await make.officer(EVERYWHERE, role="coordinator")
    shown = await look(coordinator, f"/accounts/{resident.id}")
    assert shown["full_name"] == known.full_name
    assert shown["personal_number"] == known.number[:3] + "••••••" + known.number[-3:]
    problem = await look(coordinator, f"/accounts/{resident.id}/numbers", 403)
    assert (problem["code"], problem["params"]["act"]) == ("not-allowed", "account.numbers")
    assert [one["action"] for one in await entries(house, coordinator)] == ["account.opened"]
    administrator = await make.officer(EVERYWHERE, role="administrator")
    clear = await look(administrator, f"/accounts/{resident.id}/numbers")
    assert clear == {"phone": None, "personal_number": known.number}
    assert [one["action"] for one in await entries(house, administrator)] == ["account.unmasked"]


async def test_what_is_personal_is_not_kept_on_the_way(administrator: Officer, resident: Resident) -> None:
    answer = await administrator.call("GET", f"/v1/officer/accounts/{resident.id}", status=200, headers=WHY)
    assert answer.headers["cache-control"] == "private, no-store"


async def test_an_account_that_is_not_there(administrator: Officer, house: House) -> None:
    for path in ("", "/numbers", "/sign-ins", "/states"):
        assert (await look(administrator, f"/accounts/{new_id()}{path}", 404))["code"] == "no-such-account"
    assert await entries(house, administrator) == []


async def test_of_a_person_whose_key_is_gone_the_numbers_are_too(
    make: Make, administrator: Officer, house: House
) -> None:
    gone = make.resident()
    await gone.sign_in_by_eid("resident-0702")
    account_id = (await gone.get("/v1/citizen/me"))["id"]
    async with house.database.transaction() as db:
        await person_keys.shred(db, UUID(account_id))
    assert (await look(administrator, f"/accounts/{account_id}"))["personal_number"] is None
    assert (await look(administrator, f"/accounts/{account_id}/numbers"))["personal_number"] is None


async def test_the_history_of_sign_ins_in_pages(make: Make, administrator: Officer) -> None:
    one = make.resident()
    for _ in range(3):
        await one.sign_in_by_eid("resident-0703")
    account_id = (await one.get("/v1/citizen/me"))["id"]
    await one.call("DELETE", "/v1/citizen/sessions/current", status=204)
    first = await look(administrator, f"/accounts/{account_id}/sign-ins?limit=2")
    rest = await look(administrator, f"/accounts/{account_id}/sign-ins?limit=2&cursor={first['next']}")
    assert [row["what"] for row in first["items"] + rest["items"]] == ["signed-out", *["signed-in"] * 3]
    assert rest["items"][0]["facts"]["method"] == "eid"
    assert rest.get("next") is None
    assert (await look(administrator, f"/accounts/{account_id}/sign-ins?cursor=x", 400))["code"] == "bad-cursor"


@pytest.mark.parametrize("role", ["handler", "dispatcher"])
async def test_who_works_on_tickets_opens_no_accounts(make: Make, resident: Resident, role: str) -> None:
    officer = await make.officer(EVERYWHERE, role=role)
    for method, path in DOORS:
        if "{ticket}" not in path:
            body = {"json": {"phone": "0988111222"}} if method == "POST" else {}
            assert (await look(officer, path.format(account=resident.id), 403, **body))["code"] == "not-allowed"
