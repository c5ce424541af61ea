"""Proving anew who one is: what a handler asks for by 401, the app satisfies (RFC 9470)."""

import re
import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from app.core.house import House
from app.core.sessions import Session
from sandbox.phone import Resident, eventually
from tests.credentials.eid import person
from tests.make import Make

NewPhone = Callable[[], str]


async def prove_by_eid(resident: Resident, who: str, level: int = 2, max_age_s: int = 0) -> dict[str, Any]:
    begun = await resident.post("/v1/citizen/eid-proof-begins", {"level": level, "max_age_s": max_age_s})
    return await resident.post("/v1/citizen/eid-proofs", await resident.choose(begun["url"], who))


async def newest_code(resident: Resident, phone: str) -> str:
    """Of the second SMS to this phone: the first was to sign in."""
    return (await eventually(resident.outside, "/sms/messages", {"to": phone}, least=2))[0]["text"][:6]


async def prove_by_phone(resident: Resident, phone: str) -> dict[str, Any]:
    await resident.post("/v1/citizen/phone-proof-codes", status=202)
    return await resident.post("/v1/citizen/phone-proofs", {"code": await newest_code(resident, phone)})


async def age(house: House, resident: Resident, seconds: float) -> None:
    """The session's proof, and with it its next token, is so much older."""
    async with house.database.transaction() as db:
        row = await db.get_one(Session, claims_of(house, resident)["sid"])
        row.facts = row.facts | {"auth_time": time.time() - seconds}
    resident.keep(await resident.post("/v1/public/session-refreshes", {"refresh_token": resident.refresh_token}))


def claims_of(house: House, resident: Resident) -> dict[str, Any]:
    return house.keys.verify(resident.token, "citizen")


def challenge_of(answer: httpx2.Response) -> dict[str, str]:
    header = answer.headers["www-authenticate"]
    assert header.startswith("Bearer ")
    return dict(re.findall(r'(\w+)="([^"]*)"', header))


async def test_what_a_handler_asks_for_the_app_satisfies_by_the_eid(
    make: Make, house: House, new_phone: NewPhone, worker: None
) -> None:
    """The whole loop: 401 with its challenge, the proof it asks for, the same request again."""
    resident, phone, who = make.resident(), new_phone(), person(3001)
    await resident.sign_in_by_phone(phone)
    begun = await resident.post("/v1/citizen/eid-link-begins", {"level": 1})
    resident.keep(await resident.post("/v1/citizen/eid-links", await resident.choose(begun["url"], who)))
    refused = await resident.call("DELETE", "/v1/citizen/eid-link", status=401)
    asked = challenge_of(refused)
    assert asked["error"] == "insufficient_user_authentication"
    assert (asked["acr_values"], asked["max_age"]) == ("LoA2", "300")
    assert refused.json()["code"] == "proof-needed"
    proved = await prove_by_eid(resident, who, int(asked["acr_values"][-1]), int(asked["max_age"]))
    resident.token = proved["access_token"]
    assert claims_of(house, resident)["acr"] == "LoA2"
    await age(house, resident, 301)
    assert challenge_of(await resident.call("DELETE", "/v1/citizen/eid-link", status=401))["max_age"] == "300"
    resident.token = (await prove_by_eid(resident, who))["access_token"]
    await resident.call("DELETE", "/v1/citizen/eid-link", status=204)


async def test_an_untied_account_has_no_number_and_its_eid_sessions_are_over(
    make: Make, house: House, new_phone: NewPhone, worker: None
) -> None:
    resident, other, phone = make.resident(), make.resident(), new_phone()
    await resident.sign_in_by_phone(phone)
    begun = await resident.post("/v1/citizen/eid-link-begins", {"level": 2})
    resident.keep(await resident.post("/v1/citizen/eid-links", await resident.choose(begun["url"], person(3005))))
    await other.post("/v1/public/phone-codes", {"phone": phone}, status=202)
    code = await newest_code(other, phone)
    other.keep(await other.post("/v1/public/sessions", {"phone": phone, "code": code}))
    await resident.call("DELETE", "/v1/citizen/eid-link", status=204)
    await resident.get("/v1/citizen/me", status=401)
    other.keep(await other.post("/v1/public/session-refreshes", {"refresh_token": other.refresh_token}))
    account = await other.get("/v1/citizen/me")
    assert (account["level"], account["personal_number"]) == (0, None)
    row = await house.database.hot.fetchrow("SELECT * FROM account WHERE id = $1::text::uuid", account["id"])
    assert row is not None
    assert row["eid_subject"] is row["number_index"] is row["number_sealed"] is row["eid_refresh_sealed"] is None
    await make.resident().sign_in_by_eid(person(3005))


async def test_who_could_not_come_back_does_not_untie(make: Make) -> None:
    resident = make.resident()
    await resident.sign_in_by_eid(person(3009))
    answer = await resident.call("DELETE", "/v1/citizen/eid-link", status=409)
    assert answer.json()["code"] == "no-phone"
    assert (await resident.get("/v1/citizen/me"))["level"] == 2


async def test_somebody_elses_identity_proves_nothing(make: Make, house: House) -> None:
    resident = make.resident()
    await resident.sign_in_by_eid(person(3013), level=1)
    begun = await resident.post("/v1/citizen/eid-proof-begins", {"level": 2})
    back = await resident.choose(begun["url"], person(3017))
    problem = await resident.post("/v1/citizen/eid-proofs", back, status=403)
    assert problem["code"] == "identity-not-yours"
    assert (await resident.get("/v1/citizen/me"))["session_level"] == 1


async def test_an_account_without_an_eid_has_nothing_to_prove_by(make: Make, new_phone: NewPhone, worker: None) -> None:
    resident = make.resident()
    await resident.sign_in_by_phone(new_phone())
    problem = await resident.post("/v1/citizen/eid-proof-begins", {"level": 1}, status=409)
    assert problem["code"] == "no-eid"


@pytest.mark.parametrize("about", ["time", "no-time"])
async def test_an_old_sign_in_at_the_provider_is_no_fresh_proof(
    make: Make, outside: httpx2.AsyncClient, eid_well: None, about: str
) -> None:
    resident, who = make.resident(), person(3021)
    await resident.sign_in_by_eid(who)
    before = resident.token
    begun = await resident.post("/v1/citizen/eid-proof-begins", {"level": 2, "max_age_s": 3600})
    back = await resident.choose(begun["url"], who)
    await outside.put("/faults/eid", json={"kind": "lie", "about": about, "count": 1})
    problem = await resident.post("/v1/citizen/eid-proofs", back, status=400)
    assert (problem["code"], problem["params"]["reason"]) == ("sign-in-refused", "auth_time")
    assert resident.token == before


@pytest.mark.parametrize("about", ["time", "no-time"])
async def test_a_sign_in_is_as_fresh_as_the_provider_says(
    make: Make, house: House, outside: httpx2.AsyncClient, eid_well: None, about: str
) -> None:
    """Who was signed in at the provider since yesterday gets in, and has to prove it anew where that matters."""
    resident = make.resident()
    begun = await resident.post("/v1/public/eid-sign-ins", {"level": 2})
    back = await resident.choose(begun["url"], person(3025))
    await outside.put("/faults/eid", json={"kind": "lie", "about": about, "count": 1})
    resident.keep(await resident.post("/v1/public/eid-sessions", back))
    assert claims_of(house, resident)["auth_time"] < time.time() - 80_000
    assert challenge_of(await resident.call("DELETE", "/v1/citizen/eid-link", status=401))["acr_values"] == "LoA2"


async def test_the_provider_is_asked_to_have_it_proved_anew(make: Make, outside: httpx2.AsyncClient) -> None:
    resident, who = make.resident(), person(3029)
    await resident.sign_in_by_eid(who)
    begun = await resident.post("/v1/citizen/eid-proof-begins", {"level": 2})
    asked = (await outside.get("/identities/asked", params={"url": begun["url"]})).json()
    assert (asked["max_age"], asked["prompt"], asked["acr_values"]) == ("0", "login", "LoA2")


async def test_the_return_of_a_proof_neither_signs_in_nor_links_nor_the_other_way_round(make: Make) -> None:
    resident, who = make.resident(), person(3033)
    await resident.sign_in_by_eid(who)
    ways = {"eid-proof-begins": "eid-links", "eid-link-begins": "eid-proofs"}
    for begin, finish in ways.items():
        begun = await resident.post(f"/v1/citizen/{begin}", {"level": 2})
        back = await resident.choose(begun["url"], who)
        assert (await resident.post(f"/v1/citizen/{finish}", back, status=400))["params"]["reason"] == "state"
        assert (await resident.post("/v1/public/eid-sessions", back, status=400))["params"]["reason"] == "state"


async def test_a_code_makes_a_session_by_phone_fresh_again(
    make: Make, house: House, new_phone: NewPhone, worker: None
) -> None:
    resident, phone = make.resident(), new_phone()
    await resident.sign_in_by_phone(phone)
    await age(house, resident, 601)
    refused = await resident.call("POST", "/v1/citizen/eid-link-begins", json={"level": 2}, status=401)
    assert challenge_of(refused)["acr_values"] == "LoA0"
    resident.token = (await prove_by_phone(resident, phone))["access_token"]
    await resident.post("/v1/citizen/eid-link-begins", {"level": 2})
    resident.keep(await resident.post("/v1/public/session-refreshes", {"refresh_token": resident.refresh_token}))
    await resident.post("/v1/citizen/eid-link-begins", {"level": 2})


async def test_a_code_neither_raises_a_level_nor_makes_the_proof_of_one_fresh(
    make: Make, house: House, new_phone: NewPhone, worker: None
) -> None:
    resident, phone, who = make.resident(), new_phone(), person(3037)
    await resident.sign_in_by_phone(phone)
    begun = await resident.post("/v1/citizen/eid-link-begins", {"level": 2})
    resident.keep(await resident.post("/v1/citizen/eid-links", await resident.choose(begun["url"], who)))
    await age(house, resident, 301)
    old = claims_of(house, resident)
    resident.token = (await prove_by_phone(resident, phone))["access_token"]
    assert claims_of(house, resident)["acr"] == "LoA0"
    await resident.call("DELETE", "/v1/citizen/eid-link", status=401)
    await resident.post("/v1/citizen/eid-link-begins", {"level": 2})
    resident.keep(await resident.post("/v1/public/session-refreshes", {"refresh_token": resident.refresh_token}))
    now = claims_of(house, resident)
    assert (now["acr"], now["auth_time"]) == ("LoA2", old["auth_time"])


async def test_a_code_for_one_purpose_is_nothing_for_the_other(make: Make, new_phone: NewPhone, worker: None) -> None:
    resident, phone = make.resident(), new_phone()
    await resident.sign_in_by_phone(phone)
    await resident.post("/v1/citizen/phone-proof-codes", status=202)
    code = await newest_code(resident, phone)
    problem = await resident.post("/v1/public/sessions", {"phone": phone, "code": code}, status=422)
    assert problem["code"] == "bad-code"
    await resident.post("/v1/citizen/phone-proofs", {"code": code})
    assert (await resident.post("/v1/citizen/phone-proofs", {"code": code}, status=422))["code"] == "bad-code"


async def test_proof_codes_count_with_sign_in_codes_and_five_wrong_tries_end_one(
    make: Make, new_phone: NewPhone, worker: None
) -> None:
    resident, phone = make.resident(), new_phone()
    await resident.sign_in_by_phone(phone)
    await resident.post("/v1/citizen/phone-proof-codes", status=202)
    code = await newest_code(resident, phone)
    wrong = "000000" if code != "000000" else "000001"
    for _ in range(5):
        await resident.post("/v1/citizen/phone-proofs", {"code": wrong}, status=422)
    await resident.post("/v1/citizen/phone-proofs", {"code": code}, status=422)
    await resident.post("/v1/citizen/phone-proof-codes", status=202)
    limited = await resident.post("/v1/citizen/phone-proof-codes", status=429)
    assert limited["code"] == "too-many-requests"


async def test_an_account_without_a_phone_has_no_code(make: Make) -> None:
    resident = await make.citizen()
    assert (await resident.post("/v1/citizen/phone-proof-codes", status=409))["code"] == "no-phone"
    assert (await resident.post("/v1/citizen/phone-proofs", {"code": "123456"}, status=409))["code"] == "no-phone"


@pytest.mark.parametrize("code", ["１２３４５６", "٠١٢٣٤٥", "12345", "1234567", "123456\n", "12345a"])
async def test_what_is_no_code_is_refused(make: Make, code: str) -> None:
    resident = await make.citizen()
    problem = await resident.post("/v1/citizen/phone-proofs", {"code": code}, status=400)
    assert problem["code"] == "invalid-input"


async def test_what_was_proved_is_on_the_trail(make: Make, house: House) -> None:
    resident, who = make.resident(), person(3041)
    await resident.sign_in_by_eid(who)
    await prove_by_eid(resident, who)
    facts = await house.database.hot.fetchval(
        "SELECT facts FROM audit_entry WHERE action = 'proved-again' AND subject_id = $1",
        claims_of(house, resident)["sid"],
    )
    assert facts == {"method": "eid", "level": 2}
