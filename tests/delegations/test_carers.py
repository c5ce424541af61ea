"""An elder lets somebody named by phone act for them; either side ends it at once."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.delegations.rules import INVITED_A_DAY_MAX
from sandbox.phone import Resident, moments
from tests.delegations.conftest import CARERS, DELEGATIONS, Town, id_of, on_behalf
from tests.make import Make

TICKETS, MESSAGES = "/v1/citizen/tickets", "/v1/citizen/messages"
Do = Callable[..., Any]


async def titles(who: Resident) -> list[str]:
    return [one["title"] for one in (await who.get(MESSAGES))["items"]]


async def test_granted_offered_accepted_used_and_seen(town: Town, make: Make, worker: None) -> None:
    elder = await make.citizen(level=2)
    carer, phone = await town.with_phone()
    given = await elder.post(CARERS, town.grant(phone, "tickets", "inbox"))
    assert (given["state"], given["side"], given["other"]["name"]) == ("pending", "given", "")
    assert given["other"]["phone"] == phone[:5] + "••••" + phone[-3:]
    (offered,) = (await carer.get(DELEGATIONS))["items"]
    assert (offered["id"], offered["side"]) == (given["id"], "held")
    assert offered["other"] == {"account_id": None, "name": "N••••• V•• A•", "phone": None, "tax_code": None}
    async for _ in moments(20):
        if "Bạn được mời làm thay người khác" in await titles(carer):
            break
    assert await titles(carer) == ["Bạn được mời làm thay người khác"]
    refused = await on_behalf(carer, await id_of(elder), "GET", TICKETS, status=403)
    assert refused["code"] == "not-on-behalf"
    held = await carer.post(f"{DELEGATIONS}/{given['id']}/acceptances")
    assert (held["state"], held["other"]["name"], held["scopes"]) == ("active", "Nguyễn Văn An", ["inbox", "tickets"])
    assert held["other"]["account_id"] == str(await id_of(elder))
    assert (await elder.get(f"{DELEGATIONS}/{given['id']}"))["other"]["name"] == "Nguyễn Văn An"
    assert set(await titles(elder)) == {"Uỷ quyền đã có hiệu lực", "Bạn đã mời một người làm thay mình"}
    elder_id = held["other"]["account_id"]
    await on_behalf(carer, elder_id, "POST", TICKETS, status=201, json=make.new_ticket())
    inbox = await on_behalf(carer, elder_id, "GET", MESSAGES, status=200)
    await on_behalf(carer, elder_id, "POST", f"{MESSAGES}/{inbox['items'][0]['id']}/reads", status=201)
    await on_behalf(carer, elder_id, "GET", f"{MESSAGES}/unread", status=200)
    await on_behalf(carer, elder_id, "POST", "/v1/citizen/message-reads", status=201)
    done = (await elder.get(f"{DELEGATIONS}/{given['id']}/acts"))["items"]
    assert [one["action"] for one in done] == [
        "messages-read",
        "count_unread",
        "message-read",
        "list_messages",
        "ticket-filed",
    ]
    page = await elder.get(f"{DELEGATIONS}/{given['id']}/acts?limit=2")
    rest = await elder.get(f"{DELEGATIONS}/{given['id']}/acts?limit=10&cursor={page['next']}")
    assert page["items"] + rest["items"] == done
    assert (await carer.get(f"{DELEGATIONS}/{given['id']}/acts"))["items"] == done
    assert (await carer.get(TICKETS))["items"] == []


async def test_the_answer_does_not_tell_whether_the_phone_has_an_account(town: Town, make: Make) -> None:
    elder = await make.citizen(level=2)
    _, known = await town.with_phone()
    answers = [await elder.post(CARERS, town.grant(phone)) for phone in (known, town.new_phone())]
    own = ("id", "created_at", "as_of", "invited_until")
    first, second = [{name: one[name] for name in one if name not in own} for one in answers]
    for one in (first, second):
        one["other"]["phone"] = one["other"]["phone"][:5]
    assert first == second


async def test_who_gets_an_account_later_finds_the_offer(town: Town, make: Make, worker: None) -> None:
    elder, phone = await make.citizen(level=2), town.new_phone()
    given = await elder.post(CARERS, town.grant(phone))
    carer = make.resident()
    await carer.sign_in_by_phone(phone)
    (offered,) = (await carer.get(DELEGATIONS))["items"]
    assert offered["id"] == given["id"]
    unproved = await carer.call("POST", f"{DELEGATIONS}/{given['id']}/acceptances", status=401)
    assert unproved.json()["code"] == "proof-needed"
    assert 'acr_values="LoA1"' in unproved.headers["www-authenticate"]
    assert (await carer.post(f"{DELEGATIONS}/{given['id']}/declines"))["state"] == "declined"


@pytest.mark.parametrize("side", ["elder", "carer"])
async def test_either_side_revokes_and_the_next_request_is_refused(town: Town, side: str) -> None:
    elder, carer, held = await town.cared_for()
    elder_id = held["other"]["account_id"]
    await on_behalf(carer, elder_id, "GET", TICKETS, status=200)
    who = elder if side == "elder" else carer
    assert (await who.post(f"{DELEGATIONS}/{held['id']}/revocations"))["state"] == "revoked"
    refused = await on_behalf(carer, elder_id, "GET", TICKETS, status=403)
    assert refused["code"] == "not-on-behalf"
    for one in (elder, carer):
        assert "Uỷ quyền đã bị thu hồi" in await titles(one)
    gone = await carer.post(f"{DELEGATIONS}/{held['id']}/acceptances", status=409)
    assert gone["params"] == {"state": "revoked"}


async def test_after_its_last_day_it_is_over_whether_or_not_the_clock_has_come_by(town: Town, run: Do) -> None:
    elder, carer, held = await town.cared_for()
    elder_id = held["other"]["account_id"]
    aged = "UPDATE delegation SET begins_at = begins_at - interval '40 days', ends_at = now() WHERE id = $1::text::uuid"
    await town.sql(aged, held["id"])
    assert (await on_behalf(carer, elder_id, "GET", TICKETS, status=403))["code"] == "not-on-behalf"
    shown = await elder.get(f"{DELEGATIONS}/{held['id']}")
    assert (shown["state"], shown["end_reason"]) == ("ended", "over")
    assert (await elder.post(f"{DELEGATIONS}/{held['id']}/revocations", status=409))["params"] == {"state": "ended"}
    phone = await town.sql("SELECT phone_sealed FROM account WHERE id = $1", await id_of(carer))
    again = await elder.post(CARERS, town.grant(town.house.crypto.decrypt("account.phone", phone)))
    assert again["id"] != held["id"]
    await carer.post(f"{DELEGATIONS}/{again['id']}/acceptances")
    await run("delegations-close")
    assert (await titles(carer)).count("Uỷ quyền đã kết thúc") == 1


async def test_an_offer_lapses(town: Town, make: Make, run: Do) -> None:
    elder = await make.citizen(level=2)
    carer, phone = await town.with_phone()
    given = await elder.post(CARERS, town.grant(phone))
    await town.sql("UPDATE delegation SET invited_until = now() WHERE id = $1::text::uuid", given["id"])
    assert (await carer.get(DELEGATIONS))["items"] == []
    assert (await carer.post(f"{DELEGATIONS}/{given['id']}/acceptances", status=404))["code"] == "no-such-delegation"
    assert (await elder.get(f"{DELEGATIONS}/{given['id']}"))["state"] == "lapsed"
    await run("delegations-close")
    await run("delegations-close")
    assert (await titles(elder)).count("Lời mời làm thay đã hết hạn") == 1
    assert (await elder.post(CARERS, town.grant(phone)))["state"] == "pending"


async def test_an_offer_is_declined_or_taken_back(town: Town, make: Make) -> None:
    elder = await make.citizen(level=2)
    carer, phone = await town.with_phone()
    given = await elder.post(CARERS, town.grant(phone))
    refused = await carer.post(f"{DELEGATIONS}/{given['id']}/revocations", status=409)
    assert refused["params"] == {"state": "pending"}
    declined = await carer.post(f"{DELEGATIONS}/{given['id']}/declines")
    assert (declined["state"], declined["other"]["name"]) == ("declined", "N••••• V•• A•")
    assert (await elder.get(f"{DELEGATIONS}/{given['id']}"))["other"]["name"] == ""
    assert "Lời mời làm thay đã bị từ chối" in await titles(elder)
    anew = await elder.post(CARERS, town.grant(phone))
    assert (await elder.post(f"{DELEGATIONS}/{anew['id']}/revocations"))["state"] == "revoked"
    assert (await carer.post(f"{DELEGATIONS}/{anew['id']}/acceptances", status=404))["code"] == "no-such-delegation"


async def test_another_s_delegation_is_not_there(town: Town, make: Make) -> None:
    elder = await make.citizen(level=2)
    _, phone = await town.with_phone()
    given = await elder.post(CARERS, town.grant(phone))
    stranger, _ = await town.with_phone()
    path = f"{DELEGATIONS}/{given['id']}"
    for part in ("", "/acts"):
        assert (await stranger.get(path + part, status=404))["code"] == "no-such-delegation"
    for part in ("/acceptances", "/declines", "/revocations"):
        assert (await stranger.post(path + part, status=404))["code"] == "no-such-delegation"
    for part in ("/acceptances", "/declines"):
        mine = await (await make.citizen(level=1)).post(path + part, status=404)
        assert mine["code"] == "no-such-delegation"
        assert (await elder.post(path + part, status=404))["code"] == "no-such-delegation"


async def test_a_grant_takes_level_2_and_a_fresh_proof(town: Town, make: Make) -> None:
    for caller in (await make.citizen(level=1), await make.citizen(level=2, proved_ago_s=1000)):
        assert (await caller.post(CARERS, town.grant(town.new_phone()), status=401))["code"] == "proof-needed"


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"phone": "024 3825 1234"}, 422, "bad-phone"),
        ({"phone": "+8498••••001"}, 422, "bad-phone"),
        ({"scopes": []}, 400, "invalid-input"),
        ({"scopes": ["everything"]}, 400, "invalid-input"),
        ({"scopes": ["tickets"] * 6}, 400, "invalid-input"),
        ({"days": 366}, 422, "end-unfit"),
        ({"days": 0}, 422, "end-unfit"),
        ({"days": -3}, 422, "end-unfit"),
    ],
)
async def test_a_grant_that_cannot_be_is_refused(
    town: Town, make: Make, changed: dict[str, Any], status: int, code: str
) -> None:
    elder = await make.citizen(level=2)
    body = town.grant(town.new_phone(), days=changed.pop("days", 30)) | changed
    assert (await elder.post(CARERS, body, status=status))["code"] == code
    assert (await elder.get(DELEGATIONS))["items"] == []


async def test_a_year_is_the_most_and_a_scope_counts_once(town: Town, make: Make) -> None:
    elder = await make.citizen(level=2)
    given = await elder.post(CARERS, town.grant(town.new_phone(), "inbox", "inbox", days=365))
    assert given["scopes"] == ["inbox"]
    assert given["ends_at"][:10] == str(town.today + timedelta(days=365))  # 17:00 UTC: midnight after it in the city


async def test_one_does_not_grant_to_oneself_nor_twice_nor_without_end(town: Town) -> None:
    elder, own_phone = await town.with_phone(level=2)
    assert (await elder.post(CARERS, town.grant(own_phone), status=422))["code"] == "oneself-named"
    _, phone = await town.with_phone()
    asked = [elder.call("POST", CARERS, json=town.grant(phone), status=201, key=f"k{n}") for n in range(3)]
    ended = await asyncio.gather(*asked, return_exceptions=True)
    assert len([one for one in ended if not isinstance(one, BaseException)]) == 1
    assert (await elder.post(CARERS, town.grant(phone), status=409))["code"] == "already-delegated"
    for _ in range(INVITED_A_DAY_MAX - 1):
        await elder.post(CARERS, town.grant(town.new_phone()))
    refused = await elder.post(CARERS, town.grant(town.new_phone()), status=409)
    assert (refused["code"], refused["params"]) == ("too-many-delegations", {"most": INVITED_A_DAY_MAX})


async def test_the_same_key_grants_once_and_two_acceptances_are_one(town: Town, make: Make) -> None:
    elder = await make.citizen(level=2)
    carer, phone = await town.with_phone()
    body = town.grant(phone)
    first = await elder.call("POST", CARERS, json=body, key="once", status=201)
    assert (await elder.call("POST", CARERS, json=body, key="once", status=201)).content == first.content
    path = f"{DELEGATIONS}/{first.json()['id']}/acceptances"
    taken = await asyncio.gather(carer.post(path), carer.post(path))
    assert taken[0] == taken[1]
    events = "SELECT string_agg(what, ' ' ORDER BY id) FROM delegation_event WHERE delegation_id = $1::text::uuid"
    assert await town.sql(events, first.json()["id"]) == "pending active"
