"""Sign-in by phone: a code by SMS."""

import asyncio
from collections.abc import Callable

import httpx2
import pytest

from app.accounts import rules
from app.core import person_keys
from app.core.house import House
from sandbox.phone import eventually
from tests.make import Make

pytestmark = pytest.mark.usefixtures("worker")

NewPhone = Callable[[], str]


async def test_the_first_sign_in_makes_an_account_and_the_next_finds_it(make: Make, new_phone: NewPhone) -> None:
    phone = new_phone()
    first, second = make.resident(), make.resident()
    await first.sign_in_by_phone(phone)
    account = await first.get("/v1/citizen/me")
    assert account["level"] == 0
    assert account["phone"].startswith("+8498")
    assert "•" in account["phone"]
    await second.post("/v1/public/phone-codes", {"phone": phone}, status=202)
    code = (await eventually(second.outside, "/sms/messages", {"to": phone}, least=2))[0]["text"][:6]
    second.keep(await second.post("/v1/public/sessions", {"phone": phone, "code": code}))
    assert (await second.get("/v1/citizen/me"))["id"] == account["id"]


async def test_a_code_works_once(make: Make, new_phone: NewPhone) -> None:
    phone, resident = new_phone(), make.resident()
    await resident.post("/v1/public/phone-codes", {"phone": phone}, status=202)
    body = {"phone": phone, "code": await resident.read_code(phone)}
    await resident.post("/v1/public/sessions", body)
    assert (await resident.post("/v1/public/sessions", body, status=422))["code"] == "bad-code"


async def test_after_five_wrong_tries_the_right_code_is_refused_too(make: Make, new_phone: NewPhone) -> None:
    phone, resident = new_phone(), make.resident()
    await resident.post("/v1/public/phone-codes", {"phone": phone}, status=202)
    code = await resident.read_code(phone)
    wrong = "000000" if code != "000000" else "000001"
    for _ in range(5):
        await resident.post("/v1/public/sessions", {"phone": phone, "code": wrong}, status=422)
    problem = await resident.post("/v1/public/sessions", {"phone": phone, "code": code}, status=422)
    assert problem["code"] == "bad-code"


async def test_codes_asked_for_at_once_leave_one_that_works(make: Make, new_phone: NewPhone, house: House) -> None:
    phone, resident = new_phone(), make.resident()
    asking = (resident.post("/v1/public/phone-codes", {"phone": phone}, status=202) for _ in range(3))
    await asyncio.gather(*asking)
    alive = await house.database.hot.fetchval(
        "SELECT count(*) FROM phone_code WHERE phone_index = $1 AND used_at IS NULL AND expires_at > now()",
        house.crypto.index(rules.PHONE, phone),
    )
    assert alive == 1


async def test_a_newer_code_ends_the_older(make: Make, new_phone: NewPhone, outside: httpx2.AsyncClient) -> None:
    phone, resident = new_phone(), make.resident()
    await resident.post("/v1/public/phone-codes", {"phone": phone}, status=202)
    old = await resident.read_code(phone)
    await resident.post("/v1/public/phone-codes", {"phone": phone}, status=202)
    new = (await eventually(outside, "/sms/messages", {"to": phone}, least=2))[0]["text"][:6]
    if old != new:
        await resident.post("/v1/public/sessions", {"phone": phone, "code": old}, status=422)
    await resident.post("/v1/public/sessions", {"phone": phone, "code": new})


async def test_one_number_is_sent_three_codes_at_once_and_then_has_to_wait(make: Make, new_phone: NewPhone) -> None:
    phone, resident = new_phone(), make.resident()
    for _ in range(3):
        await resident.post("/v1/public/phone-codes", {"phone": phone}, status=202)
    answer = await resident.call("POST", "/v1/public/phone-codes", json={"phone": phone}, status=429)
    assert answer.json()["code"] == "too-many-requests"
    assert 0 < int(answer.headers["retry-after"]) <= 360


@pytest.mark.parametrize("phone", ["12345678", "+8424 3825 1234", "+1 202 555 0143", "abcdefghij", "0912 34"])
async def test_what_is_not_a_vietnamese_mobile_is_refused(make: Make, phone: str) -> None:
    answer = await make.resident().call(
        "POST", "/v1/public/phone-codes", json={"phone": phone}, status=422 if len(phone) >= 8 else 400
    )
    assert answer.json()["code"] in ("bad-phone", "invalid-input")


async def test_ways_to_write_a_number_are_one_number(make: Make, new_phone: NewPhone) -> None:
    phone, resident = new_phone(), make.resident()
    await resident.post("/v1/public/phone-codes", {"phone": "0" + phone[3:6] + " " + phone[6:]}, status=202)
    assert len(await resident.read_code(phone)) == 6


async def test_the_number_is_sealed_with_a_key_of_its_own_and_the_code_is_stored_nowhere(
    make: Make, new_phone: NewPhone, house: House
) -> None:
    phone, resident = new_phone(), make.resident()
    await resident.sign_in_by_phone(phone)
    index = house.crypto.index("account.phone", phone)
    row = await house.database.hot.fetchrow("SELECT * FROM phone_code WHERE phone_index = $1", index)
    assert row is not None
    assert row["phone_sealed"] is row["code_sealed"] is None
    account = await house.database.hot.fetchrow("SELECT * FROM account WHERE phone_index = $1", index)
    assert account is not None
    assert phone.encode() not in account["phone_sealed"]
    async with house.database.transaction() as db:
        person = await person_keys.person(db, house.crypto, account["id"])
        assert person.decrypt("account.phone", account["phone_sealed"]) == phone
        await person_keys.shred(db, account["id"])
        shredded = await person_keys.person(db, house.crypto, account["id"])
    with pytest.raises(person_keys.Shredded):
        shredded.decrypt("account.phone", account["phone_sealed"])


async def test_when_the_gateway_fails_the_code_is_sent_again(
    make: Make, new_phone: NewPhone, outside: httpx2.AsyncClient, no_faults: None
) -> None:
    await outside.put("/faults/sms", json={"kind": "error", "count": 1})
    phone, resident = new_phone(), make.resident()
    await resident.sign_in_by_phone(phone)
    assert len((await outside.get("/sms/messages", params={"to": phone})).json()) == 1
