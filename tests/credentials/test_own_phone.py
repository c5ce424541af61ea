"""The phone of one's own account, changed with a code to the new number."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from app.accounts import rules
from app.core.house import House
from sandbox.phone import Resident, eventually, moments
from tests.make import Make

pytestmark = pytest.mark.usefixtures("worker")

NewPhone = Callable[[], str]
CHANGES = "/v1/citizen/phone-changes"


@pytest.fixture
def phone(new_phone: NewPhone) -> str:
    return new_phone()


@pytest.fixture
async def resident(make: Make, phone: str) -> Resident:
    """Signed in by that phone."""
    made = make.resident()
    await made.sign_in_by_phone(phone)
    return made


async def code_for(resident: Resident, phone: str, least: int = 1) -> str:
    await resident.post("/v1/citizen/phone-codes", {"phone": phone}, status=202)
    return (await eventually(resident.outside, "/sms/messages", {"to": phone}, least=least))[0]["text"][:6]


async def change(resident: Resident, phone: str, status: int = 200, **more: Any) -> dict[str, Any]:
    return await resident.post(
        CHANGES, {"phone": phone, "code": await code_for(resident, phone, **more)}, status=status
    )


async def test_a_change_needs_the_code_tells_the_old_number_and_the_inbox_and_stands_on_the_trail(
    resident: Resident, phone: str, make: Make, new_phone: NewPhone, outside: httpx2.AsyncClient, house: House
) -> None:
    new = new_phone()
    me = await resident.get("/v1/citizen/me")
    assert (await change(resident, new))["phone"].endswith(new[-3:])
    told = await eventually(outside, "/sms/messages", {"to": phone}, least=2)
    assert told[0]["text"].startswith("So dien thoai nay khong con dung")
    async for _ in moments(5):
        messages = (await resident.get("/v1/citizen/messages"))["items"]
        if messages:
            break
    assert [one["title"] for one in messages] == ["Số điện thoại của tài khoản đã thay đổi"]
    noted = "SELECT count(*) FROM audit_entry WHERE action = 'phone-changed' AND account_id = $1::uuid"
    assert await house.database.hot.fetchval(noted, me["id"]) == 1
    by_new, by_old = make.resident(), make.resident()
    await by_new.post("/v1/public/phone-codes", {"phone": new}, status=202)
    code = (await eventually(outside, "/sms/messages", {"to": new}, least=2))[0]["text"][:6]
    by_new.keep(await by_new.post("/v1/public/sessions", {"phone": new, "code": code}))
    assert (await by_new.get("/v1/citizen/me"))["id"] == me["id"]
    await by_old.post("/v1/public/phone-codes", {"phone": phone}, status=202)
    code = (await eventually(outside, "/sms/messages", {"to": phone}, least=3))[0]["text"][:6]
    by_old.keep(await by_old.post("/v1/public/sessions", {"phone": phone, "code": code}))
    assert (await by_old.get("/v1/citizen/me"))["id"] != me["id"]


async def test_the_same_number_again_is_no_change(resident: Resident, new_phone: NewPhone) -> None:
    new = new_phone()
    body = {"phone": new, "code": await code_for(resident, new)}
    first = await resident.post(CHANGES, body, status=200)
    assert await resident.post(CHANGES, body, status=200) == first


async def test_a_wrong_code_changes_nothing(resident: Resident, new_phone: NewPhone) -> None:
    new, before = new_phone(), await resident.get("/v1/citizen/me")
    code = await code_for(resident, new)
    wrong = "000000" if code != "000000" else "000001"
    assert (await resident.post(CHANGES, {"phone": new, "code": wrong}, status=422))["code"] == "bad-code"
    assert await resident.get("/v1/citizen/me") == before


async def test_a_code_serves_its_purpose_and_its_account_only(
    resident: Resident, make: Make, new_phone: NewPhone
) -> None:
    new, other = new_phone(), make.resident()
    await other.sign_in_by_phone(new_phone())
    body = {"phone": new, "code": await code_for(resident, new)}
    assert (await other.post(CHANGES, body, status=422))["code"] == "bad-code"
    assert (await make.nobody().post("/v1/public/sessions", body, status=422))["code"] == "bad-code"
    await resident.post(CHANGES, body, status=200)
    second = new_phone()
    await make.nobody().post("/v1/public/phone-codes", {"phone": second}, status=202)
    code = (await eventually(resident.outside, "/sms/messages", {"to": second}))[0]["text"][:6]
    assert (await resident.post(CHANGES, {"phone": second, "code": code}, status=422))["code"] == "bad-code"


async def test_whether_a_number_is_taken_is_told_to_its_holder_only(
    resident: Resident, phone: str, make: Make, new_phone: NewPhone
) -> None:
    taken, free = new_phone(), new_phone()
    await make.resident().sign_in_by_phone(taken)
    asked = [
        await resident.call("POST", "/v1/citizen/phone-codes", json={"phone": one}, status=202) for one in (taken, free)
    ]
    assert asked[0].json().keys() == asked[1].json().keys()
    await eventually(resident.outside, "/sms/messages", {"to": taken}, least=2)
    guessed = [await resident.post(CHANGES, {"phone": one, "code": "000000"}, status=422) for one in (taken, free)]
    assert {one["code"] for one in guessed} == {"bad-code"}
    assert (await change(resident, taken, status=409, least=3))["code"] == "phone-taken"
    assert (await resident.get("/v1/citizen/me"))["phone"].endswith(phone[-3:])


async def test_a_change_needs_a_fresh_proof_which_a_code_to_the_old_number_gives(
    make: Make, new_phone: NewPhone, house: House
) -> None:
    phone, resident = new_phone(), make.resident()
    stale = await make.citizen(level=0, proved_ago_s=3600)
    refused = await stale.call("POST", CHANGES, json={"phone": phone, "code": "000000"}, status=401)
    assert refused.json()["code"] == "proof-needed"
    assert 'error="insufficient_user_authentication"' in refused.headers["www-authenticate"]
    await resident.sign_in_by_phone(phone)
    session = "UPDATE session SET facts = facts || '{\"auth_time\": 0}' WHERE subject_id = $1::uuid"
    await house.database.hot.execute(session, (await resident.get("/v1/citizen/me"))["id"])
    resident.keep(await resident.post("/v1/public/session-refreshes", {"refresh_token": resident.refresh_token}))
    new = new_phone()
    body = {"phone": new, "code": await code_for(resident, new)}
    assert (await resident.post(CHANGES, body, status=401))["code"] == "proof-needed"
    await resident.post("/v1/citizen/phone-proof-codes", status=202)
    code = (await eventually(resident.outside, "/sms/messages", {"to": phone}, least=2))[0]["text"][:6]
    assert (await resident.post(CHANGES, {"phone": phone, "code": code}, status=401))["code"] == "proof-needed"
    resident.token = (await resident.post("/v1/citizen/phone-proofs", {"code": code}))["access_token"]
    await resident.post(CHANGES, body, status=200)


async def test_who_only_found_the_phone_does_not_take_an_account_that_has_the_eid(
    make: Make, new_phone: NewPhone, house: House
) -> None:
    phone, owner, finder = new_phone(), make.resident(), make.resident()
    await owner.sign_in_by_eid("resident-0401")
    await change(owner, phone)
    await finder.post("/v1/public/phone-codes", {"phone": phone}, status=202)
    code = (await eventually(finder.outside, "/sms/messages", {"to": phone}, least=2))[0]["text"][:6]
    finder.keep(await finder.post("/v1/public/sessions", {"phone": phone, "code": code}))
    new = new_phone()
    refused = await change(finder, new, status=401)
    assert (refused["code"], refused["params"]["level"]) == ("proof-needed", 1)
    assert (
        await house.database.hot.fetchval(
            "SELECT count(*) FROM account WHERE phone_index = $1", house.crypto.index(rules.PHONE, new)
        )
        == 0
    )


async def test_a_code_to_prove_again_takes_no_number_and_one_to_take_a_number_proves_nothing(
    resident: Resident, phone: str, new_phone: NewPhone
) -> None:
    await resident.post("/v1/citizen/phone-proof-codes", status=202)
    proof = (await eventually(resident.outside, "/sms/messages", {"to": phone}, least=2))[0]["text"][:6]
    new = new_phone()
    confirm = await code_for(resident, new)
    if proof != confirm:
        assert (await resident.post(CHANGES, {"phone": new, "code": proof}, status=422))["code"] == "bad-code"
        assert (await resident.post("/v1/citizen/phone-proofs", {"code": confirm}, status=422))["code"] == "bad-code"
    await resident.post("/v1/citizen/phone-proofs", {"code": proof})
    await resident.post(CHANGES, {"phone": new, "code": confirm}, status=200)


async def test_a_code_to_confirm_says_so_in_the_language_asked_for(resident: Resident, new_phone: NewPhone) -> None:
    for language, word in (("vi", "ma xac nhan"), ("en", "confirms this phone")):
        phone = new_phone()
        await resident.post("/v1/citizen/phone-codes", {"phone": phone, "language": language}, status=202)
        text = (await eventually(resident.outside, "/sms/messages", {"to": phone}))[0]["text"]
        assert word in text
        assert len(text) <= 160
        assert text.isascii()
