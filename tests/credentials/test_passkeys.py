"""Passkeys: adding them, naming them, removing them."""

import asyncio
from typing import Any

import pytest

from app.core.house import House
from app.core.settings import Settings
from app.credentials import passkeys, rules
from tests.credentials.authenticator import UP, UV, Authenticator, decode
from tests.credentials.passkeys import (
    ADD,
    BEGIN,
    REGISTER,
    SIGN_IN,
    add,
    age_challenges,
    refused_addition,
    refused_sign_in,
    sign_in,
    told,
    trail,
)
from tests.make import Make


async def test_the_options_ask_for_a_verified_person_and_a_key_that_can_be_found(
    make: Make, settings: Settings
) -> None:
    citizen = await make.citizen()
    options = await citizen.post(REGISTER)
    assert options["rp"] == {"id": settings.passkeys.rp_id, "name": settings.passkeys.rp_name}
    assert options["authenticatorSelection"] == {
        "residentKey": "required",
        "requireResidentKey": True,
        "userVerification": "required",
    }
    assert (options["attestation"], options["timeout"]) == ("none", 300_000)
    assert len(decode(options["challenge"])) >= 16
    assert options["challenge"] != (await citizen.post(REGISTER))["challenge"]
    assert options["user"]["name"] == (await citizen.get("/v1/citizen/me"))["full_name"]


async def test_the_user_handle_is_the_accounts_own_and_tells_nothing(make: Make) -> None:
    one, other = await make.citizen(), await make.citizen()
    handle = decode((await one.post(REGISTER))["user"]["id"])
    account_id = (await one.get("/v1/citizen/me"))["id"]
    assert (
        handle == decode((await one.post(REGISTER))["user"]["id"]) != decode((await other.post(REGISTER))["user"]["id"])
    )
    assert account_id.replace("-", "") not in handle.hex()
    assert account_id.encode() not in handle
    assert len(handle) <= 64


async def test_a_key_that_is_registered_is_excluded_from_the_next_registration(make: Make, key: Authenticator) -> None:
    citizen = await make.citizen()
    assert (await citizen.post(REGISTER))["excludeCredentials"] == []
    await add(citizen, key)
    [known] = (await citizen.post(REGISTER))["excludeCredentials"]
    assert decode(known["id"]) == key.held[0].id


async def test_adding_needs_a_proof_of_the_last_ten_minutes(make: Make, key: Authenticator) -> None:
    stale = await make.citizen(level=2, proved_ago_s=rules.FRESH_S + 5)
    for path, body in ((REGISTER, None), (ADD, {})):
        answer = await stale.call("POST", path, json=body, status=401)
        assert answer.json()["code"] == "proof-needed"
        challenge = answer.headers["www-authenticate"]
        assert 'error="insufficient_user_authentication"' in challenge
        assert f'max_age="{rules.FRESH_S}"' in challenge


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"origin": "https://evil.example"}, "passkey-wrong-origin"),
        ({"cross_origin": True}, "passkey-wrong-origin"),
        ({"rp_id": "evil.example"}, "passkey-refused"),
        ({"flags": UP}, "passkey-user-not-verified"),
        ({"flags": UV}, "passkey-refused"),
        ({"type": "webauthn.get"}, "passkey-refused"),
        ({"challenge": "AAAA"}, "passkey-challenge-unknown"),
        ({"cose": {1: 2, 3: -7, -1: 1, -2: bytes(32), -3: bytes(32)}}, "passkey-refused"),
        ({"cose": {1: 3, 3: -257, -1: b"\xff" * 3000, -2: b"\x01\x00\x01"}}, "passkey-refused"),
        ({"cose": {1: 2, 3: -36, -1: 3, -2: b"\x01" * 66, -3: b"\x01" * 66}}, "passkey-refused"),
        ({"cose": {1: 2}}, "passkey-refused"),
        ({"named": b"another passkey"}, "passkey-refused"),
    ],
    ids=str,
)
async def test_a_wrong_registration_is_refused(
    make: Make, key: Authenticator, wrong: dict[str, Any], code: str
) -> None:
    assert await refused_addition(await make.citizen(), key, **wrong) == code


async def test_a_challenge_is_used_up_even_by_a_wrong_answer(make: Make, key: Authenticator) -> None:
    citizen = await make.citizen()
    options = await citizen.post(REGISTER)
    await citizen.post(ADD, {"name": "x", "credential": key.create(options, flags=UP)}, status=422)
    problem = await citizen.post(ADD, {"name": "x", "credential": key.create(options)}, status=422)
    assert problem["code"] == "passkey-challenge-unknown"


async def test_a_challenge_of_another_session_or_ceremony_is_unknown(make: Make, key: Authenticator) -> None:
    one, other = await make.citizen(), await make.citizen()
    options = await one.post(REGISTER)
    body = {"name": "x", "credential": key.create(options)}
    assert (await other.post(ADD, body, status=422))["code"] == "passkey-challenge-unknown"
    await one.post(ADD, body)
    begun = await one.post(BEGIN)
    body = {"name": "x", "credential": key.create(options | {"challenge": begun["challenge"]})}
    assert (await one.post(ADD, body, status=422))["code"] == "passkey-challenge-unknown"


async def test_a_challenge_is_over_after_five_minutes(make: Make, key: Authenticator, house: House) -> None:
    citizen = await make.citizen()
    options = await citizen.post(REGISTER)
    await age_challenges(house, citizen)
    problem = await citizen.post(ADD, {"name": "x", "credential": key.create(options)}, status=422)
    assert problem["code"] == "passkey-challenge-unknown"


async def test_old_challenges_are_swept_and_young_ones_stay(make: Make, key: Authenticator, house: House) -> None:
    old, young = await make.citizen(), await make.citizen()
    await old.post(REGISTER)
    await age_challenges(house, old)
    options = await young.post(REGISTER)
    async with house.database.transaction() as db:
        await passkeys.forget_old(db)
    left = "SELECT count(*) FROM passkey_challenge WHERE session_id = $1"
    assert await house.database.hot.fetchval(left, old.session_id) == 0
    await young.post(ADD, {"name": "x", "credential": key.create(options)})


async def test_the_same_credential_twice_is_refused_whoever_brings_it(make: Make, key: Authenticator) -> None:
    one, other = await make.citizen(), await make.citizen()
    await add(one, key)
    assert await refused_addition(other, key, status=409, id=key.held[0].id) == "passkey-taken"
    body = {"name": "x", "credential": key.create(await one.post(REGISTER), id=key.held[0].id)}
    assert (await one.post(ADD, body, status=409))["code"] == "passkey-taken"


async def test_an_addition_sent_again_gives_the_first_answer(make: Make, key: Authenticator) -> None:
    citizen = await make.citizen()
    body = {"name": "x", "credential": key.create(await citizen.post(REGISTER))}
    first = await citizen.post(ADD, body, key="add")
    assert await citizen.post(ADD, body, key="add") == first
    assert len(await citizen.get(ADD)) == 1


async def test_two_additions_at_once_with_one_challenge_make_one_passkey(make: Make, key: Authenticator) -> None:
    citizen = await make.citizen()
    options = await citizen.post(REGISTER)
    bodies = [{"name": "x", "credential": key.create(options)} for _ in range(2)]
    headers = {"Authorization": f"Bearer {citizen.token}"}
    asked = [
        citizen.api.post(ADD, json=body, headers=headers | {"Idempotency-Key": f'"{number}"'})
        for number, body in enumerate(bodies)
    ]
    assert sorted(answer.status_code for answer in await asyncio.gather(*asked)) == [201, 422]
    assert len(await citizen.get(ADD)) == 1


async def test_an_account_has_twenty_passkeys_at_most(make: Make, key: Authenticator) -> None:
    citizen = await make.citizen()
    for _ in range(rules.PASSKEYS_MAX):
        last = await add(citizen, key)
    body = {"name": "x", "credential": key.create(await citizen.post(REGISTER))}
    assert (await citizen.post(ADD, body, status=409))["code"] == "too-many-passkeys"
    await citizen.call("DELETE", f"{ADD}/{last['id']}", status=204)
    await add(citizen, key)


MALFORMED: dict[str, tuple[dict[str, Any], int, str]] = {
    "no response": ({"response": None}, 400, "invalid-input"),
    "not base64url": ({"id": "a+b/", "rawId": "a+b/"}, 400, "invalid-input"),
    "another type": ({"type": "password"}, 400, "invalid-input"),
    "too long an id": ({"id": "A" * 1400, "rawId": "A" * 1400}, 400, "invalid-input"),
    "two ids": ({"id": "AAAA"}, 422, "passkey-malformed"),
    "no JSON within": ({"clientDataJSON": "AAAA"}, 422, "passkey-malformed"),
    "a list within": ({"clientDataJSON": "W10"}, 422, "passkey-malformed"),
    "no text within": ({"clientDataJSON": "_____w"}, 422, "passkey-malformed"),
    "brackets without end": ({"clientDataJSON": "W1tb" * 2000}, 422, "passkey-malformed"),
    "half a letter": ({"clientDataJSON": "A"}, 422, "passkey-malformed"),
}


@pytest.mark.parametrize(("change", "status", "code"), MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_credential_is_refused_at_both_ends(
    make: Make, key: Authenticator, change: dict[str, Any], status: int, code: str
) -> None:
    citizen = await make.citizen()
    await add(citizen, key)
    made, used = key.create(await citizen.post(REGISTER)), key.get(await citizen.post(BEGIN))
    for path, credential, more in ((ADD, made, {"name": "x"}), (SIGN_IN, used, {})):
        inner = {name: value for name, value in change.items() if name in credential["response"]}
        outer = {name: value for name, value in change.items() if name not in inner}
        bent = credential | {"response": credential["response"] | inner} | outer
        assert (await citizen.post(path, {"credential": bent} | more, status=status))["code"] == code


async def test_a_session_that_has_just_ended_adds_nothing(make: Make, key: Authenticator, house: House) -> None:
    """Its tokens may pass the door for a moment yet."""
    citizen = await make.citizen()
    body = {"name": "x", "credential": key.create(await citizen.post(REGISTER))}
    await house.database.hot.execute("UPDATE session SET ended_at = now() WHERE id = $1", citizen.session_id)
    assert (await citizen.post(ADD, body, status=401))["code"] == "refresh-refused"


@pytest.mark.parametrize("data", ["AAAA", "oWNmbXRkbm9uZQ", "g" * 400])
async def test_an_attestation_that_is_none_is_refused(make: Make, key: Authenticator, data: str) -> None:
    citizen = await make.citizen()
    credential = key.create(await citizen.post(REGISTER))
    credential["response"]["attestationObject"] = data
    problem = await citizen.post(ADD, {"name": "x", "credential": credential}, status=422)
    assert problem["code"] == "passkey-refused"


async def test_a_removed_passkey_opens_nothing_and_what_it_opened_ends(
    make: Make, key: Authenticator, house: House, worker: None
) -> None:
    owner, visitor = await make.citizen(), make.resident()
    added = await add(owner, key)
    await sign_in(visitor, key)
    await owner.call("DELETE", f"{ADD}/{added['id']}", status=204)
    assert (await visitor.get("/v1/citizen/me", status=401))["code"] == "sign-in-needed"
    assert (await refused_sign_in(make.resident(), key))["code"] == "passkey-refused"
    assert (await trail(house, owner))[-1] == "passkey-removed"
    assert await told(owner, "khoá truy cập đã được xoá")
    await owner.call("DELETE", f"{ADD}/{added['id']}", status=404)


async def test_who_removes_the_passkey_they_came_with_stays(make: Make, key: Authenticator) -> None:
    added = await add(await make.citizen(), key)
    visitor = make.resident()
    await sign_in(visitor, key)
    await visitor.call("DELETE", f"{ADD}/{added['id']}", status=204)
    assert await visitor.get(ADD) == []


async def test_a_passkey_has_the_name_its_holder_gives_it(make: Make, key: Authenticator, house: House) -> None:
    owner = await make.citizen()
    added = await add(owner, key, "Máy cũ")
    answer = await owner.call("PATCH", f"{ADD}/{added['id']}", json={"name": "Máy mới"}, status=200)
    assert answer.json()["name"] == "Máy mới" == (await owner.get(ADD))[0]["name"]
    await owner.call("PATCH", f"{ADD}/{added['id']}", json={"name": ""}, status=400)
    assert (await trail(house, owner))[-1] == "passkey-renamed"


async def test_anothers_passkey_is_not_there(make: Make, key: Authenticator) -> None:
    added, other = await add(await make.citizen(), key), await make.citizen()
    path = f"{ADD}/{added['id']}"
    assert await other.get(ADD) == []
    assert (await other.call("PATCH", path, json={"name": "x"}, status=404)).json()["code"] == "no-such-passkey"
    assert (await other.call("DELETE", path, status=404)).json()["code"] == "no-such-passkey"
    await sign_in(make.resident(), key)
