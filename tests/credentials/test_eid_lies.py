"""A national eID that lies, is away, or turns its keys: nothing of it makes an account or a session."""

import asyncio
import itertools
from collections.abc import Callable

import httpx2
import pytest

from app.core.house import House
from sandbox.phone import Resident, moments
from tests.credentials.eid import api_with, come_back, logout_token, person, traces_of
from tests.make import Make

pytestmark = pytest.mark.usefixtures("eid_well")

_people = itertools.count(2001, 4)
"""Level 2, and nobody else's."""

LIES = {
    "nonce": "nonce",
    "audience": "aud",
    "party": "azp",
    "issuer": "iss",
    "expiry": "exp",
    "issue": "iat",
    "start": "nbf",
    "access-hash": "at_hash",
    "key": "key",
    "signature": "signature",
    "algorithm": "token",
    "token": "token",
    "userinfo": "userinfo",
    "subject": "userinfo",
}
"""What the provider lies about, and the reason of our refusal."""


@pytest.mark.parametrize("about", LIES)
async def test_a_lie_is_refused_and_leaves_nothing(
    make: Make, house: House, outside: httpx2.AsyncClient, about: str
) -> None:
    resident, who = make.resident(), person(next(_people))
    back = await come_back(resident, who)
    await outside.put("/faults/eid", json={"kind": "lie", "about": about, "count": 1})
    problem = await resident.post("/v1/public/eid-sessions", back, status=400)
    assert (problem["code"], problem["params"]["reason"]) == ("sign-in-refused", LIES[about])
    assert (await outside.get("/faults")).json() == {}, "the lie was told"
    assert await traces_of(house, who) == (0, 0)
    await resident.sign_in_by_eid(who)
    assert await traces_of(house, who) == (1, 1)


@pytest.mark.parametrize(
    ("about", "status", "code", "params"),
    [
        ("level", 403, "level-not-reached", {"level": 1, "asked": 2}),
        ("unknown-level", 422, "bad-identity", {"what": "acr"}),
        ("loose-level", 422, "bad-identity", {"what": "acr"}),
        ("gender", 422, "bad-identity", {"what": "gender"}),
        ("number", 422, "bad-identity", {"what": "birth year"}),
    ],
)
async def test_an_identity_that_does_not_hold_is_refused_and_leaves_nothing(
    make: Make, house: House, outside: httpx2.AsyncClient, about: str, status: int, code: str, params: dict[str, object]
) -> None:
    resident, who = make.resident(), person(next(_people))
    back = await come_back(resident, who)
    await outside.put("/faults/eid", json={"kind": "lie", "about": about})
    problem = await resident.post("/v1/public/eid-sessions", back, status=status)
    assert (problem["code"], problem["params"]) == (code, params)
    assert await traces_of(house, who) == (0, 0)


@pytest.mark.parametrize("about", ["metadata", "plain-http"])
async def test_metadata_of_another_issuer_or_with_other_addresses_is_no_answer(
    make: Make, house: House, outside: httpx2.AsyncClient, about: str
) -> None:
    await outside.put("/faults/eid", json={"kind": "lie", "about": about, "count": 1})
    async with api_with(house) as api:
        resident = Resident(api, outside)
        problem = await resident.post("/v1/public/eid-sign-ins", {"level": 1}, status=503)
        assert problem["code"] == "outside-unavailable"
        await resident.post("/v1/public/eid-sign-ins", {"level": 1})


async def test_a_provider_that_is_read_over_tls_names_no_address_without(
    house: House, outside: httpx2.AsyncClient
) -> None:
    """The sandbox's second port speaks TLS, and its metadata names the first."""
    before = (await outside.get("/identities/calls")).json()["metadata"]
    fcm = house.settings.fcm
    async with api_with(house, ca_file=fcm.ca_file, discovery_url=f"{fcm.base_url}/eid") as api:
        problem = await Resident(api, outside).post("/v1/public/eid-sign-ins", {"level": 1}, status=503)
    assert problem["code"] == "outside-unavailable"
    assert (await outside.get("/identities/calls")).json()["metadata"] == before + 1


async def test_pushed_requests_are_used_if_offered_and_plain_ones_if_not(
    house: House, outside: httpx2.AsyncClient
) -> None:
    await outside.put("/faults/eid", json={"kind": "lie", "about": "no-par", "count": 1})
    async with api_with(house) as plain, api_with(house) as pushed:
        for api, named in ((plain, "code_challenge="), (pushed, "request_uri=")):
            resident = Resident(api, outside)
            begun = await resident.post("/v1/public/eid-sign-ins", {"level": 2})
            assert named in begun["url"]
            resident.keep(
                await resident.post("/v1/public/eid-sessions", await resident.choose(begun["url"], person(13)))
            )


async def test_a_code_handed_in_twice_opens_one_session(make: Make, house: House) -> None:
    resident, who = make.resident(), person(next(_people))
    back = await come_back(resident, who)
    await resident.post("/v1/public/eid-sessions", back)
    begun = await resident.post("/v1/public/eid-sign-ins", {"level": 2})
    for again in (back, back | {"state": begun["state"]}):
        assert (await resident.post("/v1/public/eid-sessions", again, status=400))["code"] == "sign-in-refused"
    assert await traces_of(house, who) == (1, 1)


async def test_the_issuer_in_the_return_is_checked_if_the_app_passes_it_on(make: Make, house: House) -> None:
    resident, who = make.resident(), person(next(_people))
    back = await come_back(resident, who)
    mixed = await resident.post("/v1/public/eid-sessions", back | {"iss": "https://evil.example"}, status=400)
    assert mixed["params"]["reason"] == "iss"
    back = await come_back(resident, who)
    await resident.post("/v1/public/eid-sessions", back | {"iss": house.settings.eid.issuer})


async def test_while_the_provider_is_away_one_signs_in_by_phone(
    make: Make, outside: httpx2.AsyncClient, new_phone: Callable[[], str], worker: None
) -> None:
    await outside.put("/faults/eid", json={"kind": "error"})
    resident = make.resident()
    await resident.post("/v1/public/eid-sign-ins", {"level": 1}, status=503)
    await resident.sign_in_by_phone(new_phone())
    assert (await resident.get("/v1/citizen/me"))["level"] == 0


async def test_a_new_key_is_known_at_once_and_a_withdrawn_one_is_refused_when_its_time_is_over(
    house: House, outside: httpx2.AsyncClient
) -> None:
    old = (await outside.get("/eid/jwks")).json()["keys"][-1]["kid"]
    async with api_with(house, keys_ttl_s=0.3, keys_again_s=0.0) as api:
        resident = Resident(api, outside)
        await resident.sign_in_by_eid(person(13))
        await outside.post("/identities/keys")
        await resident.sign_in_by_eid(person(13))
        await outside.delete(f"/identities/keys/{old}")
        async for _ in moments(5):
            token = await logout_token(outside, house, by=old)
            answer = await api.post("/v1/public/eid-logouts", data={"logout_token": token})
            if answer.status_code != 200:
                break
        assert answer.json()["params"]["reason"] == "key"
        await resident.sign_in_by_eid(person(13))


async def test_who_asks_while_the_provider_is_being_read_waits_for_the_same_answer(
    house: House, outside: httpx2.AsyncClient
) -> None:
    before = (await outside.get("/identities/calls")).json()
    async with api_with(house) as api:
        begins = (Resident(api, outside).post("/v1/public/eid-sign-ins", {"level": 1}) for _ in range(10))
        await asyncio.gather(*begins)
    after = (await outside.get("/identities/calls")).json()
    assert (after["metadata"] - before["metadata"], after["par"] - before["par"]) == (1, 10)


async def test_tokens_with_made_up_keys_do_not_make_us_hammer_the_provider(
    house: House, outside: httpx2.AsyncClient
) -> None:
    async with api_with(house, keys_again_s=60.0) as api:
        resident = Resident(api, outside)
        await resident.sign_in_by_eid(person(13))
        before = (await outside.get("/identities/calls")).json()["jwks"]
        for _ in range(20):
            token = await logout_token(outside, house, by="stranger")
            answer = await api.post("/v1/public/eid-logouts", data={"logout_token": token})
            assert (answer.status_code, answer.json()["params"]) == (400, {"reason": "key"})
        assert (await outside.get("/identities/calls")).json()["jwks"] == before
