"""What costs an SMS or guards a secret has a rate, with Redis and without it; asking tells nothing of who has an account."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from msgspec import structs
from sqlalchemy import event

from app.core.house import House
from app.core.settings import Settings
from app.core.tokens import hash_secret
from app.credentials.rules import CODE_TTL
from app.main.composition import create_app
from app.main.house import open_house
from sandbox.phone import eventually
from tests.make import Make

NewPhone = Callable[[], str]
CODES, SESSIONS, EID = "/v1/public/phone-codes", "/v1/public/sessions", "/v1/public/eid-sign-ins"
PER_ADDRESS = 3


@pytest.fixture(scope="module", params=["", "redis://127.0.0.1:9/0"], ids=["with Redis", "without Redis"])
async def city(
    request: pytest.FixtureRequest, settings: Settings
) -> AsyncGenerator[Callable[[str], httpx2.AsyncClient]]:
    """The API for callers from an address; some cities have lost their Redis."""
    limits = structs.replace(settings.limits, codes_per_address=PER_ADDRESS)
    changed = structs.replace(settings, limits=limits, redis_url=request.param or settings.redis_url)
    net = "10.1" if request.param else "10.2"
    async with open_house(changed) as house, create_app(house) as app:

        def from_address(end: str) -> httpx2.AsyncClient:
            transport = httpx2.ASGITransport(app, client=(f"{net}.{end}", 1))
            return httpx2.AsyncClient(transport=transport, base_url="http://khue")

        yield from_address


def check_refusal(answer: httpx2.Response, limit: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (429, "too-many-requests")
    assert answer.json()["params"]["limit"] == limit
    assert int(answer.headers["retry-after"]) >= 1
    assert f'"{limit}";r=0;t=' in answer.headers["ratelimit"]
    assert f'"{limit}";q=' in answer.headers["ratelimit-policy"]


async def test_codes_have_a_rate_by_phone(city: Callable[[str], httpx2.AsyncClient], new_phone: NewPhone) -> None:
    phone = new_phone()
    answers = [await city(f"0.{number}").post(CODES, json={"phone": phone}) for number in range(4)]
    assert [one.status_code for one in answers[:3]] == [202] * 3
    check_refusal(answers[3], "phone-codes")
    assert (await city("0.9").post(CODES, json={"phone": new_phone()})).status_code == 202


async def test_codes_have_a_rate_by_device(city: Callable[[str], httpx2.AsyncClient], new_phone: NewPhone) -> None:
    device = f"installation-{new_phone()}"
    answers = [
        await city(f"1.{number}").post(CODES, json={"phone": new_phone(), "device_id": device}) for number in range(6)
    ]
    assert [one.status_code for one in answers[:5]] == [202] * 5
    check_refusal(answers[5], "phone-codes-device")


async def test_codes_have_a_rate_by_address(city: Callable[[str], httpx2.AsyncClient], new_phone: NewPhone) -> None:
    answers = [await city("2.1").post(CODES, json={"phone": new_phone()}) for _ in range(PER_ADDRESS + 1)]
    assert [one.status_code for one in answers[:-1]] == [202] * PER_ADDRESS
    check_refusal(answers[-1], "phone-codes-address")


async def test_a_refused_code_is_neither_stored_nor_sent(
    city: Callable[[str], httpx2.AsyncClient], new_phone: NewPhone, house: House
) -> None:
    for _ in range(PER_ADDRESS):
        await city("3.1").post(CODES, json={"phone": new_phone()})
    phone = new_phone()
    check_refusal(await city("3.1").post(CODES, json={"phone": phone}), "phone-codes-address")
    index = house.crypto.index("account.phone", phone)
    assert await house.database.hot.fetchval("SELECT count(*) FROM phone_code WHERE phone_index = $1", index) == 0


async def test_sign_in_tries_have_a_rate_by_phone(
    city: Callable[[str], httpx2.AsyncClient], new_phone: NewPhone
) -> None:
    body = {"phone": new_phone(), "code": "123456"}
    answers = [await city(f"4.{number}").post(SESSIONS, json=body) for number in range(16)]
    assert {one.status_code for one in answers[:15]} == {422}
    check_refusal(answers[15], "sign-in-tries")


async def test_sign_ins_begun_at_the_eid_have_a_rate_by_address(city: Callable[[str], httpx2.AsyncClient]) -> None:
    answers = [await city("5.1").post(EID, json={"level": 1}) for _ in range(PER_ADDRESS + 1)]
    assert [one.status_code for one in answers[:-1]] == [201] * PER_ADDRESS
    check_refusal(answers[-1], "eid-begins-address")


async def test_a_confirmation_spends_the_same_rates_as_a_sign_in(make: Make, new_phone: NewPhone) -> None:
    phone, citizen = new_phone(), await make.citizen()
    for _ in range(3):
        await citizen.post("/v1/citizen/phone-codes", {"phone": phone}, status=202)
    check_refusal(await citizen.call("POST", CODES, json={"phone": phone}, status=429), "phone-codes")


_mine: ContextVar[bool] = ContextVar("mine", default=False)


async def statements(house: House, ask: Any) -> list[str]:
    """What this call asks of PostgreSQL, and not what runs beside it."""
    said: list[str] = []
    _mine.set(True)

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if _mine.get():
            said.append(statement)

    event.listen(house.database.engine.sync_engine, "before_cursor_execute", note)
    try:
        await ask
    finally:
        _mine.set(False)
        event.remove(house.database.engine.sync_engine, "before_cursor_execute", note)
    return said


async def test_a_number_with_an_account_goes_the_same_way_as_one_without(
    make: Make, new_phone: NewPhone, house: House, worker: None
) -> None:
    known, unknown, nobody = new_phone(), new_phone(), make.nobody()
    await make.resident().sign_in_by_phone(known)
    said = [await statements(house, nobody.post(CODES, {"phone": phone}, status=202)) for phone in (known, unknown)]
    assert said[0] == said[1] != []
    wrong = [
        await statements(house, nobody.post(SESSIONS, {"phone": phone, "code": "000000"}, status=422))
        for phone in (known, unknown)
    ]
    assert wrong[0] == wrong[1] != []
    problems = [
        await nobody.call("POST", SESSIONS, json={"phone": phone, "code": "000001"}, status=422)
        for phone in (known, unknown)
    ]
    first, second = ({**one.json(), "request_id": ""} for one in problems)
    assert first == second


async def test_a_code_is_of_no_use_after_five_minutes(
    make: Make, new_phone: NewPhone, house: House, worker: None
) -> None:
    phone, resident = new_phone(), make.resident()
    asked = await resident.post(CODES, {"phone": phone}, status=202)
    left = datetime.fromisoformat(asked["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=4, seconds=50) < left <= CODE_TTL == timedelta(minutes=5)
    body = {"phone": phone, "code": await resident.read_code(phone)}
    index = house.crypto.index("account.phone", phone)
    await house.database.hot.execute("UPDATE phone_code SET expires_at = now() WHERE phone_index = $1", index)
    assert (await resident.post(SESSIONS, body, status=422))["code"] == "bad-code"
    assert await house.database.hot.fetchval("SELECT count(*) FROM account WHERE phone_index = $1", index) == 0


async def test_a_state_of_the_eid_is_of_no_use_after_ten_minutes(make: Make, house: House) -> None:
    resident = make.resident()
    begun = await resident.post(EID, {"level": 1})
    back = await resident.choose(begun["url"], "resident-0801")
    old = "UPDATE sign_in SET created_at = created_at - interval '11 minutes' WHERE state_hash = $1"
    await house.database.hot.execute(old, hash_secret(begun["state"]))
    problem = await resident.post("/v1/public/eid-sessions", back, status=400)
    assert (problem["code"], problem["params"]["reason"]) == ("sign-in-refused", "state")


async def test_of_two_who_hand_in_one_code_at_once_one_comes_in(make: Make, new_phone: NewPhone, worker: None) -> None:
    phone, resident = new_phone(), make.resident()
    await resident.post(CODES, {"phone": phone}, status=202)
    body = {"phone": phone, "code": await resident.read_code(phone)}
    answers = await asyncio.gather(*(resident.api.post(SESSIONS, json=body) for _ in range(2)))
    assert sorted(one.status_code for one in answers) == [201, 422]


@pytest.mark.parametrize(("language", "word"), [("vi", "la ma dang nhap"), ("en", "sign-in code")])
async def test_the_message_is_in_the_language_asked_for_and_fits_one_sms(
    make: Make, new_phone: NewPhone, worker: None, language: str, word: str
) -> None:
    phone, nobody = new_phone(), make.nobody()
    await nobody.post(CODES, {"phone": phone, "language": language}, status=202)
    text = (await eventually(nobody.outside, "/sms/messages", {"to": phone}))[0]["text"]
    assert text[:6].isdigit()
    assert word in text
    assert text.isascii()
    assert len(text) <= 160
