"""Proving again who one is, by passkey (RFC 9470)."""

from typing import Any

import pytest

from app.core.house import House
from app.credentials import rules
from sandbox.phone import Resident
from tests.credentials.authenticator import UP, Authenticator, decode
from tests.credentials.passkeys import ADD, REGISTER, add, age_challenges, sign_in, trail
from tests.make import Make

BEGIN, PROVE = "/v1/citizen/passkey-proof-begins", "/v1/citizen/passkey-proofs"


async def prove(resident: Resident, key: Authenticator, **wrong: Any) -> None:
    options = await resident.post(BEGIN, {})
    access = await resident.post(PROVE, {"credential": key.get(options, **wrong)})
    assert str(resident.session_id) == access["session_id"]
    resident.token = access["access_token"]


async def let_it_age(house: House, resident: Resident) -> None:
    """As if the proof of this session were too old to add a passkey."""
    await house.database.hot.execute(
        "UPDATE session SET facts = facts || jsonb_build_object('auth_time', (facts ->> 'auth_time')::float8 - 3600) "
        "WHERE id = $1",
        resident.session_id,
    )
    resident.keep(await resident.post("/v1/public/session-refreshes", {"refresh_token": resident.refresh_token}))
    assert (await resident.post(REGISTER, status=401))["code"] == "proof-needed"


async def test_a_proof_by_passkey_opens_what_was_too_old(make: Make, key: Authenticator, house: House) -> None:
    citizen = await make.citizen(level=2)
    await add(citizen, key)
    await let_it_age(house, citizen)
    await prove(citizen, key)
    await citizen.post(REGISTER)
    assert (await trail(house, citizen))[-1] == "proved-again"
    assert (await citizen.get("/v1/citizen/me"))["session_level"] == 2
    citizen.keep(await citizen.post("/v1/public/session-refreshes", {"refresh_token": citizen.refresh_token}))
    await citizen.post(REGISTER)


async def test_a_proof_raises_a_session_to_the_level_of_the_passkey(
    make: Make, key: Authenticator, house: House
) -> None:
    citizen = await make.citizen(level=2)
    await add(citizen, key)
    await house.database.hot.execute(
        "UPDATE session SET facts = facts || '{\"level\": 0}' WHERE id = $1", citizen.session_id
    )
    citizen.keep(await citizen.post("/v1/public/session-refreshes", {"refresh_token": citizen.refresh_token}))
    assert (await citizen.get("/v1/citizen/me"))["session_level"] == 0
    await prove(citizen, key)
    assert (await citizen.get("/v1/citizen/me"))["session_level"] == 2


async def test_the_options_name_those_of_my_passkeys_that_prove_enough(make: Make, key: Authenticator) -> None:
    citizen, other = await make.citizen(level=1), await make.citizen(level=1)
    assert (await citizen.post(BEGIN, {}, status=409))["code"] == "no-passkey"
    await add(citizen, key)
    await add(other, Authenticator(key.origin))
    [named] = (await citizen.post(BEGIN, {"level": 1}))["allowCredentials"]
    assert decode(named["id"]) == key.held[0].id
    assert (await citizen.post(BEGIN, {"level": 2}, status=409))["params"]["level"] == 2


async def test_a_passkey_of_a_lower_level_does_not_renew_a_higher_session(
    make: Make, key: Authenticator, house: House
) -> None:
    """It was added by phone, before the eID raised the session; what the token at hand says does not matter."""
    citizen = await make.citizen()
    await add(citizen, key)
    options = await citizen.post(BEGIN, {})
    await house.database.hot.execute(
        "UPDATE account SET level = 2 WHERE id = (SELECT subject_id FROM session WHERE id = $1)", citizen.session_id
    )
    await house.database.hot.execute(
        "UPDATE session SET facts = facts || '{\"level\": 2}' WHERE id = $1", citizen.session_id
    )
    problem = await citizen.post(PROVE, {"credential": key.get(options)}, status=422)
    assert (problem["code"], problem["params"]) == ("passkey-too-weak", {"level": 0, "needed": 2})
    assert (await citizen.post(BEGIN, {}, status=409))["code"] == "no-passkey"


async def test_anothers_passkey_proves_nothing_of_me(make: Make, key: Authenticator) -> None:
    citizen, other, others = await make.citizen(), await make.citizen(), Authenticator(key.origin)
    await add(citizen, key)
    await add(other, others)
    options = await citizen.post(BEGIN, {})
    problem = await citizen.post(PROVE, {"credential": others.get(options, others.held[0])}, status=422)
    assert problem["code"] == "passkey-refused"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"origin": "https://evil.example"}, "passkey-wrong-origin"),
        ({"rp_id": "evil.example"}, "passkey-refused"),
        ({"flags": UP}, "passkey-user-not-verified"),
        ({"handle": b"somebody else"}, "passkey-refused"),
    ],
    ids=str,
)
async def test_a_wrong_answer_proves_nothing(
    make: Make, key: Authenticator, house: House, wrong: dict[str, Any], code: str
) -> None:
    citizen = await make.citizen()
    await add(citizen, key)
    await let_it_age(house, citizen)
    options = await citizen.post(BEGIN, {})
    problem = await citizen.post(PROVE, {"credential": key.get(options, **wrong)}, status=422)
    assert problem["code"] == code
    citizen.keep(await citizen.post("/v1/public/session-refreshes", {"refresh_token": citizen.refresh_token}))
    assert (await citizen.post(REGISTER, status=401))["code"] == "proof-needed"


async def test_an_authenticator_that_was_named_the_passkey_need_not_name_me(make: Make, key: Authenticator) -> None:
    citizen = await make.citizen()
    await add(citizen, key)
    await prove(citizen, key, handle=None)


async def test_a_challenge_of_a_proof_is_this_sessions_alone_and_works_once(
    make: Make, key: Authenticator, house: House
) -> None:
    citizen = await make.citizen()
    await add(citizen, key)
    elsewhere = make.resident()
    await sign_in(elsewhere, key)
    options = await citizen.post(BEGIN, {})
    body = {"credential": key.get(options)}
    assert (await elsewhere.post(PROVE, body, status=422))["code"] == "passkey-challenge-unknown"
    body = {"credential": key.get(options)}
    assert (await elsewhere.post("/v1/public/passkey-sessions", body, status=422))[
        "code"
    ] == "passkey-challenge-unknown"
    await citizen.post(PROVE, {"credential": key.get(options)})
    problem = await citizen.post(PROVE, {"credential": key.get(options)}, status=422)
    assert problem["code"] == "passkey-challenge-unknown"
    options = await citizen.post(BEGIN, {})
    await age_challenges(house, citizen)
    problem = await citizen.post(PROVE, {"credential": key.get(options)}, status=422)
    assert problem["code"] == "passkey-challenge-unknown"


async def test_a_challenge_to_register_proves_nothing_in_the_same_session(make: Make, key: Authenticator) -> None:
    citizen = await make.citizen()
    await add(citizen, key)
    proof, registration = await citizen.post(BEGIN, {}), await citizen.post(REGISTER)
    body = {"credential": key.get(proof | {"challenge": registration["challenge"]})}
    assert (await citizen.post(PROVE, body, status=422))["code"] == "passkey-challenge-unknown"


async def test_a_counter_that_goes_back_in_a_proof_ends_the_session_it_had_raised(
    make: Make, key: Authenticator
) -> None:
    citizen = await make.citizen()
    await add(citizen, key)
    await prove(citizen, key, count=9)
    options = await citizen.post(BEGIN, {})
    problem = await citizen.post(PROVE, {"credential": key.get(options, count=9)}, status=422)
    assert problem["code"] == "passkey-disabled"
    assert (await citizen.get(ADD, status=401))["code"] == "sign-in-needed"


@pytest.mark.parametrize(("seen", "signed"), [(1, 1), (2, 1), (1, 0)])
def test_a_counter_that_does_not_grow_goes_back(seen: int, signed: int) -> None:
    assert rules.went_back(seen, signed)


@pytest.mark.parametrize(("seen", "signed"), [(0, 0), (0, 1), (1, 2)])
def test_a_counter_that_grows_or_never_counted_does_not_go_back(seen: int, signed: int) -> None:
    assert not rules.went_back(seen, signed)
