"""Officers suspend, block, ask for a new proof, and lift it: at once, with a reason, and the resident is told."""

import asyncio
from typing import Any

import httpx2
import pytest

from app.core.house import House
from app.core.ids import new_id
from sandbox.phone import Officer, Resident, eventually
from tests.desk.desk import entries, look
from tests.make import EVERYWHERE, Make


@pytest.fixture
async def administrator(make: Make) -> Officer:
    return await make.officer(EVERYWHERE, role="administrator")


def change(to: str, reason: str = "Nghi bị chiếm đoạt tài khoản") -> dict[str, str]:
    return {"to": to, "reason": reason}


async def bring(officer: Officer, citizen: Resident, to: str, status: int = 201) -> Any:
    return await officer.post(f"/v1/officer/accounts/{citizen.id}/states", change(to), status=status)


@pytest.mark.parametrize("to", ["suspended", "blocked", "reset-required"])
async def test_the_residents_next_request_is_refused(administrator: Officer, citizen: Resident, to: str) -> None:
    await citizen.get("/v1/citizen/me")
    changed = await bring(administrator, citizen, to)
    assert (changed["before"], changed["after"], changed["officer_id"]) == ("active", to, str(administrator.id))
    assert (await citizen.get("/v1/citizen/me", status=401))["code"] == "sign-in-needed"
    refresh = {"refresh_token": citizen.refresh_token}
    assert (await citizen.post("/v1/public/session-refreshes", refresh, status=401))["code"] == "refresh-refused"


async def test_a_block_keeps_the_eid_out_until_it_is_lifted(make: Make, administrator: Officer) -> None:
    resident = make.resident()
    await resident.sign_in_by_eid("resident-0711")
    resident.id = (await resident.get("/v1/citizen/me"))["id"]
    await bring(administrator, resident, "blocked")
    begun = await resident.post("/v1/public/eid-sign-ins", {"level": 2})
    back = await resident.choose(begun["url"], "resident-0711")
    assert (await resident.post("/v1/public/eid-sessions", back, status=403))["code"] == "account-shut"
    await bring(administrator, resident, "active")
    await resident.sign_in_by_eid("resident-0711")
    await resident.get("/v1/citizen/me")


@pytest.mark.parametrize(
    ("to", "title"),
    [
        ("suspended", "Tài khoản đang bị tạm ngừng"),
        ("blocked", "Tài khoản đã bị khoá"),
        ("reset-required", "Bạn cần xác thực lại tài khoản"),
    ],
)
async def test_the_resident_is_told_in_words_of_the_state(
    administrator: Officer, citizen: Resident, outside: httpx2.AsyncClient, worker: None, to: str, title: str
) -> None:
    token = await citizen.get_phone()
    await bring(administrator, citizen, to)
    (push,) = await eventually(outside, f"/phones/{token}/messages")
    assert push["notification"]["title"] == title
    assert "{" not in push["notification"]["body"]
    await bring(administrator, citizen, "active")
    found = await eventually(outside, f"/phones/{token}/messages", least=2)
    assert "Tài khoản đã dùng lại được" in {one["notification"]["title"] for one in found}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (change("blocked", "  "), 422, "reason-needed"),
        (change("blocked", "--"), 422, "reason-needed"),
        (change("suspended", "eid-suspended"), 422, "reason-needed"),
        ({"to": "blocked"}, 400, "invalid-input"),
        (change("closed"), 400, "invalid-input"),
        (change("closing"), 400, "invalid-input"),
        (change("active"), 409, "state-refused"),
    ],
)
async def test_a_change_that_makes_no_sense_is_refused(
    administrator: Officer, citizen: Resident, house: House, body: dict[str, str], status: int, code: str
) -> None:
    path = f"/v1/officer/accounts/{citizen.id}/states"
    assert (await administrator.post(path, body, status=status))["code"] == code
    await citizen.get("/v1/citizen/me")
    assert await entries(house, administrator) == []


async def test_a_residents_wish_to_leave_is_not_an_officers_to_call_off(
    administrator: Officer, citizen: Resident, house: House
) -> None:
    await house.database.hot.execute("UPDATE account SET state = 'closing' WHERE id = $1", citizen.id)
    assert (await bring(administrator, citizen, "active", 409))["code"] == "state-refused"
    await bring(administrator, citizen, "blocked")


async def test_of_two_who_block_at_once_one_does(make: Make, administrator: Officer, citizen: Resident) -> None:
    second = await make.officer(EVERYWHERE, role="administrator")

    async def block(who: Officer) -> int:
        headers = {"Authorization": f"Bearer {who.token}", "Idempotency-Key": '"block"'}
        path = f"/v1/officer/accounts/{citizen.id}/states"
        return (await who.api.post(path, json=change("blocked"), headers=headers)).status_code

    assert sorted(await asyncio.gather(block(administrator), block(second))) == [201, 409]


async def test_the_same_change_sent_twice_is_done_once(administrator: Officer, citizen: Resident) -> None:
    path = f"/v1/officer/accounts/{citizen.id}/states"
    first = await administrator.post(path, change("blocked"), key="s1")
    again = await administrator.call("POST", path, json=change("blocked"), key="s1", status=201)
    assert again.json() == first
    assert len(await look(administrator, f"/accounts/{citizen.id}/states")) == 1


async def test_the_history_says_who_brought_it_there_and_why(administrator: Officer, citizen: Resident) -> None:
    for to in ("suspended", "blocked", "active"):
        await bring(administrator, citizen, to)
    found = await look(administrator, f"/accounts/{citizen.id}/states")
    assert [(one["before"], one["after"]) for one in found] == [
        ("blocked", "active"),
        ("suspended", "blocked"),
        ("active", "suspended"),
    ]
    assert {(one["by"], one["officer_id"], one["reason"]) for one in found} == {
        ("officer", str(administrator.id), change("")["reason"])
    }


async def test_nobody_blocks_without_the_right_for_the_whole_city(make: Make, citizen: Resident) -> None:
    for officer in (
        await make.officer("SO-XD", role="administrator"),
        await make.officer_with(("leader", None, "00070")),
        await make.officer(EVERYWHERE, role="coordinator"),
    ):
        problem = await bring(officer, citizen, "blocked", 403)
        assert (problem["code"], problem["params"]["act"]) == ("not-allowed", "account.state")
    await citizen.get("/v1/citizen/me")


async def test_an_account_that_is_not_there_has_no_state(administrator: Officer, citizen: Resident) -> None:
    path = f"/v1/officer/accounts/{new_id()}/states"
    assert (await administrator.post(path, change("blocked"), status=404))["code"] == "no-such-account"
