"""Passkeys of `nid-webauthn-emulator`: a browser and an authenticator that others wrote."""

import json
from collections.abc import Generator
from typing import Any

import pytest

from app.core.settings import Settings
from sandbox.phone import Resident
from tests.interop.conftest import Judge, judge
from tests.make import Make

OURS = "/v1/citizen/passkeys"


@pytest.fixture(scope="module")
def browser() -> Generator[Judge]:
    with judge("authenticator.mjs", {}) as started:
        yield started


@pytest.fixture
def origin(settings: Settings) -> str:
    return settings.passkeys.origins[0]


def does(browser: Judge, act: str, origin: str, options: Any, **how: Any) -> dict[str, Any]:
    return json.loads(browser.tell({"do": act, "origin": origin, "options": options, **how}))


async def add(resident: Resident, browser: Judge, origin: str, status: int = 201, **how: Any) -> dict[str, Any]:
    options = await resident.post("/v1/citizen/passkey-registrations")
    credential = does(browser, "create", origin, options, **how)
    return await resident.post(OURS, {"name": "Khoá bảo mật", "credential": credential}, status=status)


async def sign_in(resident: Resident, browser: Judge, origin: str, status: int = 201, **how: Any) -> dict[str, Any]:
    options = await resident.post("/v1/public/passkey-sign-ins")
    credential = does(browser, "get", origin, options, **how)
    return await resident.post("/v1/public/passkey-sessions", {"credential": credential}, status=status)


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
async def test_a_passkey_of_each_kind_is_added_signs_in_and_proves_again(
    make: Make, browser: Judge, origin: str, algorithm: str
) -> None:
    owner, visitor = await make.citizen(level=2), make.resident()
    added = await add(owner, browser, origin, algorithm=algorithm)
    assert (added["transports"], added["level"]) == (["usb"], 2)
    tokens = await sign_in(visitor, browser, origin)
    visitor.keep(tokens)
    account = await visitor.get("/v1/citizen/me")
    assert (account["id"], account["session_level"]) == ((await owner.get("/v1/citizen/me"))["id"], 2)
    options = await visitor.post("/v1/citizen/passkey-proof-begins", {"level": 2})
    proof = {"credential": does(browser, "get", origin, options)}
    access = await visitor.post("/v1/citizen/passkey-proofs", proof)
    assert access["session_id"] == tokens["session_id"]
    problem = await visitor.post("/v1/citizen/passkey-proofs", proof, status=422)
    assert problem["code"] == "passkey-challenge-unknown"


async def test_the_browser_refuses_a_page_that_is_not_ours(make: Make, browser: Judge) -> None:
    options = await (await make.citizen()).post("/v1/citizen/passkey-registrations")
    assert does(browser, "create", "https://evil.example", options)["error"] == "SecurityError"


async def test_the_authenticator_refuses_to_be_added_twice(make: Make, browser: Judge, origin: str) -> None:
    owner = await make.citizen()
    await add(owner, browser, origin)
    options = await owner.post("/v1/citizen/passkey-registrations")
    assert does(browser, "create", origin, options)["error"] == "NotAllowedError"


async def test_who_was_not_verified_is_neither_added_nor_let_in(make: Make, browser: Judge, origin: str) -> None:
    owner = await make.citizen()
    assert (await add(owner, browser, origin, 422, verified=False))["code"] == "passkey-user-not-verified"
    await add(owner, browser, origin)
    problem = await sign_in(make.resident(), browser, origin, 422, verified=False)
    assert problem["code"] == "passkey-user-not-verified"


async def test_another_port_of_our_host_is_not_our_origin(make: Make, browser: Judge, origin: str) -> None:
    elsewhere = "http://localhost:1"
    await add(await make.citizen(), browser, origin)
    assert (await sign_in(make.resident(), browser, elsewhere, 422))["code"] == "passkey-wrong-origin"


async def test_a_removed_passkey_is_refused(make: Make, browser: Judge, origin: str) -> None:
    owner = await make.citizen()
    added = await add(owner, browser, origin)
    await owner.call("DELETE", f"{OURS}/{added['id']}", status=204)
    assert (await sign_in(make.resident(), browser, origin, 422))["code"] == "passkey-refused"


async def test_a_counter_that_stands_still_disables_the_passkey(make: Make, browser: Judge, origin: str) -> None:
    owner = await make.citizen()
    await add(owner, browser, origin)
    await sign_in(make.resident(), browser, origin)
    problem = await sign_in(make.resident(), browser, origin, 422, step=0)
    assert problem["code"] == "passkey-disabled"
    assert not (await owner.get(OURS))[0]["usable"]


async def test_a_synced_passkey_that_never_counts_signs_in_again_and_again(
    make: Make, browser: Judge, origin: str
) -> None:
    await add(await make.citizen(), browser, origin, step=0)
    for _ in range(2):
        await sign_in(make.resident(), browser, origin, step=0)
