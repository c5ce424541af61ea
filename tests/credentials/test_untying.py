"""When the national eID is taken off an account, nothing that it vouched for stays, and nobody else's comes in its place."""

from collections.abc import Callable

import pytest

from app.core.house import House
from sandbox.phone import Resident
from tests.credentials.authenticator import Authenticator
from tests.credentials.eid import person
from tests.credentials.passkeys import add, sign_in
from tests.credentials.test_proofs import age, claims_of, newest_code, prove_by_eid
from tests.make import Make

NewPhone = Callable[[], str]
pytestmark = pytest.mark.usefixtures("worker")


async def tied(make: Make, phone: str, who: str) -> Resident:
    resident = make.resident()
    await resident.sign_in_by_phone(phone)
    await link(resident, who, 201)
    return resident


async def link(resident: Resident, who: str, status: int) -> str:
    begun = await resident.post("/v1/citizen/eid-link-begins", {"level": 2})
    answer = await resident.post("/v1/citizen/eid-links", await resident.choose(begun["url"], who), status=status)
    if status == 201:
        resident.keep(answer)
    return answer.get("code", "")


async def again_by_phone(make: Make, phone: str) -> Resident:
    resident = make.resident()
    await resident.post("/v1/public/phone-codes", {"phone": phone}, status=202)
    code = await newest_code(resident, phone)
    resident.keep(await resident.post("/v1/public/sessions", {"phone": phone, "code": code}))
    return resident


async def test_a_passkey_of_level_2_is_worth_no_more_than_the_phone(
    make: Make, house: House, new_phone: NewPhone, key: Authenticator
) -> None:
    phone, who = new_phone(), person(3401)
    resident = await tied(make, phone, who)
    await add(resident, key)
    held = make.resident()
    await sign_in(held, key)
    assert claims_of(house, held)["acr"] == "LoA2"
    await resident.call("DELETE", "/v1/citizen/eid-link", status=204)
    await held.get("/v1/citizen/me", status=401)
    held.keep(await held.post("/v1/public/session-refreshes", {"refresh_token": held.refresh_token}))
    assert claims_of(house, held)["acr"] == "LoA0"
    await link(await again_by_phone(make, phone), who, 201)
    await sign_in(held, key)
    assert claims_of(house, held)["acr"] == "LoA0"


async def test_another_persons_identity_is_neither_linked_nor_merged(make: Make, new_phone: NewPhone) -> None:
    phone, mine, new, known = new_phone(), person(3405), person(3409), person(3413)
    resident = await tied(make, phone, mine)
    await resident.call("DELETE", "/v1/citizen/eid-link", status=204)
    await make.resident().sign_in_by_eid(known)
    visitor = await again_by_phone(make, phone)
    assert await link(visitor, new, 403) == "identity-not-yours"
    assert await link(visitor, known, 403) == "identity-not-yours"
    await link(visitor, mine, 201)


async def test_a_proof_of_level_1_makes_no_old_level_2_fresh(make: Make, house: House) -> None:
    resident, who = make.resident(), person(3417)
    await resident.sign_in_by_eid(who)
    await age(house, resident, 5000)
    resident.token = (await prove_by_eid(resident, who, level=1))["access_token"]
    assert claims_of(house, resident)["acr"] == "LoA1"
    resident.keep(await resident.post("/v1/public/session-refreshes", {"refresh_token": resident.refresh_token}))
    held = claims_of(house, resident)
    assert held["acr"] == "LoA2"
    assert held["iat"] - held["auth_time"] > 4000
