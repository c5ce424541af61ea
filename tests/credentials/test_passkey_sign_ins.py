"""Signing in by passkey, and what is no longer let in."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from app.accounts.rules import State
from app.core.house import House
from app.credentials import rules
from sandbox.phone import eventually
from tests.credentials.authenticator import BE, BS, UP, UV, Authenticator
from tests.credentials.passkeys import (
    ADD,
    BEGIN,
    REGISTER,
    SIGN_IN,
    add,
    age_challenges,
    bring,
    refused_sign_in,
    reset,
    sign_in,
    told,
    trail,
)
from tests.make import Make


async def test_a_passkey_signs_in_without_naming_the_account(
    make: Make, key: Authenticator, house: House, worker: None
) -> None:
    owner = await make.citizen()
    added = await add(owner, key)
    assert added["transports"] == ["hybrid", "internal"]
    assert (added["level"], added["last_used_at"], added["usable"]) == (0, None, True)
    visitor = make.resident()
    await sign_in(visitor, key)
    assert (await visitor.get("/v1/citizen/me"))["id"] == (await owner.get("/v1/citizen/me"))["id"]
    [listed] = await visitor.get(ADD)
    assert listed["last_used_at"] is not None
    assert "public_key" not in listed
    assert await trail(house, owner) == ["passkey-added", "new-device", "signed-in"]
    assert await told(owner, "khoá truy cập đã được thêm")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"origin": "https://evil.example"}, "passkey-wrong-origin"),
        ({"origin": None}, "passkey-wrong-origin"),
        ({"cross_origin": True}, "passkey-wrong-origin"),
        ({"rp_id": "evil.example"}, "passkey-refused"),
        ({"flags": UP}, "passkey-user-not-verified"),
        ({"flags": UV}, "passkey-refused"),
        ({"flags": UP | UV | BE}, "passkey-refused"),
        ({"flags": UP | UV | BS}, "passkey-refused"),
        ({"type": "webauthn.create"}, "passkey-refused"),
        ({"challenge": "AAAA"}, "passkey-challenge-unknown"),
        ({"handle": None}, "passkey-refused"),
        ({"handle": b"somebody else"}, "passkey-refused"),
    ],
    ids=str,
)
async def test_a_wrong_answer_signs_nobody_in(make: Make, key: Authenticator, wrong: dict[str, Any], code: str) -> None:
    await add(await make.citizen(), key)
    problem = await refused_sign_in(make.resident(), key, **wrong)
    assert problem["code"] == code
    await sign_in(make.resident(), key)


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ("authenticatorData", "passkey-malformed"),
        ("userHandle", "passkey-malformed"),
        ("signature", "passkey-refused"),
    ],
)
async def test_an_answer_with_a_part_that_is_none_is_refused(
    make: Make, key: Authenticator, field: str, code: str
) -> None:
    await add(await make.citizen(), key)
    credential = key.get(await make.resident().post(BEGIN))
    credential["response"][field] = "AAAAA"
    assert (await make.resident().post(SIGN_IN, {"credential": credential}, status=422))["code"] == code


async def test_an_unknown_passkey_and_a_wrong_signature_read_the_same(make: Make, key: Authenticator) -> None:
    stranger = Authenticator(key.origin)
    await add(await make.citizen(), key)
    await add(removed := await make.citizen(), stranger)
    await removed.call("DELETE", f"{ADD}/{(await removed.get(ADD))[0]['id']}", status=204)
    unknown = await refused_sign_in(make.resident(), stranger)
    forged = await refused_sign_in(make.resident(), key, signer=stranger.held[0].key)
    assert unknown.pop("request_id") != forged.pop("request_id")
    assert unknown == forged
    assert unknown["code"] == "passkey-refused"


async def test_a_sign_in_challenge_works_once_and_five_minutes(make: Make, key: Authenticator, house: House) -> None:
    await add(await make.citizen(), key)
    visitor = make.resident()
    options = await visitor.post(BEGIN)
    await visitor.post(SIGN_IN, {"credential": key.get(options)})
    again = await visitor.post(SIGN_IN, {"credential": key.get(options)}, status=422)
    options = await visitor.post(BEGIN)
    await age_challenges(house)
    late = await visitor.post(SIGN_IN, {"credential": key.get(options)}, status=422)
    assert again["code"] == late["code"] == "passkey-challenge-unknown"


async def test_of_two_sign_ins_at_once_with_one_challenge_one_wins(make: Make, key: Authenticator) -> None:
    await add(await make.citizen(), key)
    visitor = make.resident()
    body = {"credential": key.get(await visitor.post(BEGIN))}
    answers = await asyncio.gather(*(visitor.api.post(SIGN_IN, json=body) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [201, 422]


async def test_a_session_has_the_level_the_passkey_was_registered_at(
    make: Make, key: Authenticator, house: House
) -> None:
    low, high = Authenticator(key.origin), key
    owner = await make.citizen(level=2)
    await add(owner, high)
    await house.database.hot.execute(
        "UPDATE session SET facts = facts || '{\"level\": 0}' WHERE id = $1", owner.session_id
    )
    owner.keep(await owner.post("/v1/public/session-refreshes", {"refresh_token": owner.refresh_token}))
    await add(owner, low)
    for used, level in ((high, 2), (low, 0)):
        visitor = make.resident()
        await sign_in(visitor, used)
        account = await visitor.get("/v1/citizen/me")
        assert (account["level"], account["session_level"]) == (2, level)


async def test_a_passkey_that_does_not_count_signs_in_again_and_again(make: Make, key: Authenticator) -> None:
    key.step, key.flags = 0, UP | UV | BE | BS
    added = await add(await make.citizen(), key)
    assert added["synced"]
    assert added["backed_up"]
    for _ in range(2):
        await sign_in(make.resident(), key)


async def test_a_counter_that_goes_back_ends_the_passkey_and_what_it_opened(
    make: Make, key: Authenticator, house: House, worker: None
) -> None:
    owner, visitor = await make.citizen(), make.resident()
    await add(owner, key)
    await sign_in(visitor, key, count=5)
    for count in (5, 6):
        problem = await refused_sign_in(make.resident(), key, count=count)
        assert problem["code"] == "passkey-disabled"
    assert (await visitor.get("/v1/citizen/me", status=401))["code"] == "sign-in-needed"
    [listed] = await owner.get(ADD)
    assert not listed["usable"]
    assert (await trail(house, owner))[-1:] == ["passkey-disabled"]
    assert await told(owner, "vô hiệu hoá để bảo vệ bạn")
    assert (await owner.post(REGISTER))["excludeCredentials"] == []


async def test_who_does_not_hold_the_key_cannot_disable_it(make: Make, key: Authenticator) -> None:
    await add(await make.citizen(), key)
    await sign_in(make.resident(), key, count=5)
    thief = Authenticator(key.origin)
    await add(await make.citizen(), thief)
    problem = await refused_sign_in(make.resident(), key, signer=thief.held[0].key, count=1)
    assert problem["code"] == "passkey-refused"
    await sign_in(make.resident(), key, count=6)


async def test_an_account_to_be_secured_anew_lets_no_passkey_in_and_the_old_ones_stay_void(
    make: Make, key: Authenticator, house: House, new_phone: Callable[[], str], worker: None
) -> None:
    owner, phone, newer = make.resident(), new_phone(), Authenticator(key.origin)
    await owner.sign_in_by_phone(phone)
    await add(owner, key)
    await reset(house, owner)
    assert (await refused_sign_in(make.resident(), key))["code"] == "passkey-disabled"
    await owner.post("/v1/public/phone-codes", {"phone": phone}, status=202)
    second = (await eventually(owner.outside, "/sms/messages", {"to": phone}, least=2))[0]["text"][:6]
    owner.keep(await owner.post("/v1/public/sessions", {"phone": phone, "code": second}))
    assert (await owner.get("/v1/citizen/me"))["state"] == "active"
    assert (await refused_sign_in(make.resident(), key))["code"] == "passkey-disabled"
    assert [one["usable"] for one in await owner.get(ADD)] == [False]
    assert (await owner.post("/v1/citizen/passkey-proof-begins", {}, status=409))["code"] == "no-passkey"
    await add(owner, newer)
    await sign_in(make.resident(), newer)


async def test_a_suspended_account_lets_no_passkey_in_until_it_is_active_again(
    make: Make, key: Authenticator, house: House
) -> None:
    owner = await make.citizen()
    await add(owner, key)
    account_id = (await owner.get("/v1/citizen/me"))["id"]
    for state, status in ((State.SUSPENDED, 403), (State.ACTIVE, 201)):
        await bring(house, account_id, state)
        options = await owner.api.post(BEGIN)
        answer = await owner.api.post(SIGN_IN, json={"credential": key.get(options.json())})
        assert answer.status_code == status
        assert status == 201 or answer.json()["code"] == "account-shut"


async def test_one_address_begins_so_many_sign_ins(make: Make, house: House, app: Any) -> None:
    rate = rules.passkey_rate(house.settings.limits.passkeys_per_address)
    for _ in range(rate.burst):
        await house.limits.spend(rate, "203.0.113.77")
    transport = httpx2.ASGITransport(app, client=("203.0.113.77", 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://khue") as there:
        answer = await there.post(BEGIN)
    assert (answer.status_code, answer.json()["code"]) == (429, "too-many-requests")
    await make.resident().post(BEGIN)
