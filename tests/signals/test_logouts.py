"""The eID's back-channel logout: what the eID opened here is over, once, and only when the eID itself says so."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from app.core.house import House
from sandbox.eid import LOGOUT
from sandbox.phone import Resident, eventually
from tests.credentials.eid import api_with, envelope, logout_token, person, signed
from tests.make import Make


async def alive(resident: Resident) -> bool:
    headers = {"Authorization": f"Bearer {resident.token}"}
    answer = await resident.api.get("/v1/citizen/me", headers=headers)
    assert answer.status_code in (200, 401)
    return answer.status_code == 200


async def send(api: httpx2.AsyncClient, token: str) -> httpx2.Response:
    return await api.post("/v1/public/eid-logouts", data={"logout_token": token})


async def sid_of(house: House, resident: Resident) -> str:
    session_id = house.keys.verify(resident.token, "citizen")["sid"]
    return await house.database.hot.fetchval("SELECT upstream FROM session WHERE id = $1::text::uuid", session_id)


async def test_a_logout_ends_what_the_eid_opened_or_raised_and_nothing_else(
    make: Make, reached: None, worker: None, outside: httpx2.AsyncClient, new_phone: Callable[[], str]
) -> None:
    who = person(4001)
    by_phone, raised, by_eid = make.resident(), make.resident(), make.resident()
    phone = new_phone()
    await by_phone.sign_in_by_phone(phone)
    begun = await by_phone.post("/v1/citizen/eid-link-begins", {"level": 2})
    raised.keep(await by_phone.post("/v1/citizen/eid-links", await by_phone.choose(begun["url"], who)))
    await by_eid.sign_in_by_eid(who)
    await by_eid.get_phone()
    await by_phone.post("/v1/public/phone-codes", {"phone": phone}, status=202)
    code = (await eventually(outside, "/sms/messages", {"to": phone}, least=2))[0]["text"][:6]
    by_phone.keep(await by_phone.post("/v1/public/sessions", {"phone": phone, "code": code}))
    sent = (await outside.post(f"/identities/{who}/logouts")).json()
    assert (sent["kind"], sent["status"]) == ("logout", 200)
    assert [await alive(one) for one in (by_phone, raised, by_eid)] == [True, False, False]
    refresh = {"refresh_token": by_eid.refresh_token}
    assert (await by_eid.post("/v1/public/session-refreshes", refresh, status=401))["code"] == "refresh-refused"
    assert (await by_phone.get("/v1/citizen/devices")) == []


async def test_a_session_raised_by_a_proof_ends_with_it(
    make: Make, house: House, api: httpx2.AsyncClient, outside: httpx2.AsyncClient
) -> None:
    first, second, who = make.resident(), make.resident(), person(4005)
    await first.sign_in_by_eid(who, level=1)
    before = await sid_of(house, first)
    begun = await first.post("/v1/citizen/eid-proof-begins", {"level": 2})
    proved = await first.post("/v1/citizen/eid-proofs", await first.choose(begun["url"], who))
    first.token = proved["access_token"]
    assert await sid_of(house, first) != before
    await second.sign_in_by_eid(who)
    assert (await send(api, await logout_token(outside, house, sub=who))).status_code == 200
    assert not await alive(first)
    assert not await alive(second)


@pytest.mark.parametrize("named", ["sid", "both"])
async def test_a_logout_of_one_session_leaves_the_others(
    make: Make, house: House, api: httpx2.AsyncClient, outside: httpx2.AsyncClient, named: str
) -> None:
    one, other, who = make.resident(), make.resident(), person(4009)
    await one.sign_in_by_eid(who)
    await other.sign_in_by_eid(who)
    token = await logout_token(outside, house, sid=await sid_of(house, one), sub=who if named == "both" else None)
    answer = await send(api, token)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert [await alive(one), await alive(other)] == [False, True]


async def test_a_session_of_another_person_is_not_ended_by_its_sid(
    make: Make, house: House, api: httpx2.AsyncClient, outside: httpx2.AsyncClient
) -> None:
    one, other = make.resident(), make.resident()
    await one.sign_in_by_eid(person(4013))
    await other.sign_in_by_eid(person(4017))
    token = await logout_token(outside, house, sid=await sid_of(house, one), sub=person(4017))
    assert (await send(api, token)).status_code == 200
    assert [await alive(one), await alive(other)] == [True, True]


async def test_a_logout_sent_again_changes_nothing(
    make: Make, house: House, api: httpx2.AsyncClient, outside: httpx2.AsyncClient
) -> None:
    resident, who = make.resident(), person(4021)
    await resident.sign_in_by_eid(who)
    token = await logout_token(outside, house, sub=who)
    await send(api, token)
    assert not await alive(resident)
    await resident.sign_in_by_eid(who)
    assert (await send(api, token)).status_code == 200
    assert await alive(resident)


async def test_somebody_nobody_knows_is_logged_out_already(
    house: House, api: httpx2.AsyncClient, outside: httpx2.AsyncClient
) -> None:
    for named in ({"sub": "nobody-we-know"}, {"sub": None, "sid": "no-session-of-ours"}):
        assert (await send(api, await logout_token(outside, house, **named))).status_code == 200


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "another's": ({"aud": "another-client"}, "aud"),
    "another provider's": ({"iss": "https://another-provider.example"}, "iss"),
    "over": ({"exp": 1_700_000_000}, "exp"),
    "without an end": ({"exp": None}, "exp"),
    "of the future": ({"iat": 4_000_000_000}, "iat"),
    "without a time": ({"iat": None}, "iat"),
    "without an id": ({"jti": None}, "jti"),
    "with an id that is no text": ({"jti": 7}, "jti"),
    "with a nonce": ({"nonce": "n"}, "nonce"),
    "without events": ({"events": None}, "events"),
    "with events that are none": ({"events": [LOGOUT]}, "events"),
    "of another event": ({"events": {"https://example.com/other": {}}}, "events"),
    "of nobody": ({"sub": None}, "sub"),
    "of what is no name": ({"sub": {"of": "x"}}, "sub"),
    "of a session that is no name": ({"sid": 7}, "sid"),
    "of another kind": ({"typ": "at+jwt"}, "typ"),
    "signed by a stranger": ({"by": "stranger"}, "key"),
    "signed by an impostor": ({"by": "impostor"}, "signature"),
    "not signed": ({"by": "none"}, "token"),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_logout_token_is_refused_and_ends_nothing(
    make: Make, house: House, api: httpx2.AsyncClient, outside: httpx2.AsyncClient, name: str
) -> None:
    resident, who = make.resident(), person(4025)
    await resident.sign_in_by_eid(who)
    changed, reason = BAD[name]
    answer = await send(api, await logout_token(outside, house, **({"sub": who} | changed)))
    assert (answer.status_code, answer.json()["code"]) == (400, "signal-refused")
    assert answer.json()["params"]["reason"] == reason
    assert "no-store" in answer.headers["cache-control"]
    assert await alive(resident)


async def test_what_is_no_logout_token_is_refused(
    make: Make, house: House, api: httpx2.AsyncClient, outside: httpx2.AsyncClient
) -> None:
    id_token = await signed(outside, envelope(house, sub=person(4025), nonce="n", jti=None), "JWT")
    for token in (id_token, "a.b.c", "x", "é", "." * 3):
        answer = await send(api, token)
        assert (answer.status_code, answer.json()["code"]) == (400, "signal-refused")
    for body in ({"data": {"other": "x"}}, {"json": {"logout_token": "x"}}, {"data": {"logout_token": "x" * 30_000}}):
        assert (await api.post("/v1/public/eid-logouts", **body)).status_code in (400, 415)


async def test_while_the_providers_keys_cannot_be_read_it_is_told_to_try_again(
    house: House, outside: httpx2.AsyncClient, eid_well: None
) -> None:
    token = await logout_token(outside, house)
    async with api_with(house) as api:
        await outside.put("/faults/eid", json={"kind": "error"})
        answer = await send(api, token)
        assert (answer.status_code, answer.json()["code"]) == (503, "outside-unavailable")
        await outside.delete("/faults")
        assert (await send(api, token)).status_code == 200
