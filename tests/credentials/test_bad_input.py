"""Bad input where people sign in: a stable problem each, nothing stored, nothing told."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from app.core import bodies
from app.core.bodies import NameTwice
from app.core.house import House
from sandbox.phone import Resident
from tests.make import Make

NewPhone = Callable[[], str]
CODES, SESSIONS = "/v1/public/phone-codes", "/v1/public/sessions"
TABLES = (
    "phone_code",
    "account",
    "session",
    "sign_in",
    "merge_offer",
    "outbox",
    "message",
    "device",
    "idempotency_key",
)


@pytest.fixture
async def nothing_stored(house: House, citizen: Resident) -> Any:
    """The tables hold after the test what they held before."""

    async def counts() -> dict[str, int]:
        query = "SELECT count(*) FROM {}"
        return {table: await house.database.hot.fetchval(query.format(table)) for table in TABLES}

    before = await counts()
    yield
    assert await counts() == before


pytestmark = pytest.mark.usefixtures("nothing_stored")


async def send(make: Make, path: str, content: bytes, kind: str | None = "application/json") -> httpx2.Response:
    headers = {"Idempotency-Key": '"bad-input"'} | ({"Content-Type": kind} if kind else {})
    return await make.nobody().api.post(path, content=content, headers=headers)


async def refused(
    make: Make, path: str, content: bytes, status: int, code: str, kind: str | None = "application/json"
) -> str:
    answer = await send(make, path, content, kind)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.text


@pytest.mark.parametrize(
    ("phone", "code"),
    [
        ("0912•••678", "bad-phone"),
        ("0912***678", "bad-phone"),
        ("+8491•••••678", "bad-phone"),
        ("０９１２３４５６７８", "bad-phone"),
        ("٠٩١٢٣٤٥٦٧٨", "bad-phone"),
        ("०९१२३४५६७८", "bad-phone"),
        ("0912\u00a0345\u00a0678", "bad-phone"),
        ("0912345678x1", "bad-phone"),
        ("tel:0912345678", "bad-phone"),
        ("0912345678;ext=1", "bad-phone"),
        ("0912345678\n", "bad-phone"),
        ("0912-ABC-678", "bad-phone"),
        ("+84 24 3825 1234", "bad-phone"),
        ("+1 202 555 0143", "bad-phone"),
        ("0000000000", "bad-phone"),
        ("\u202e0912345678", "invalid-input"),
        ("\u200f0912345678", "invalid-input"),
        ("\u20660912345678\u2069", "invalid-input"),
        ("0912345678\u0000", "invalid-input"),
        ("09123456\u0007 8", "invalid-input"),
        ("0912", "invalid-input"),
        ("0" * 21, "invalid-input"),
        (912345678, "invalid-input"),
        (None, "invalid-input"),
        (["0912345678"], "invalid-input"),
        ({"$ne": ""}, "invalid-input"),
        (True, "invalid-input"),
    ],
)
async def test_a_phone_that_is_none_is_refused_at_every_door(
    make: Make, citizen: Resident, phone: Any, code: str
) -> None:
    status = 422 if code == "bad-phone" else 400
    await refused(make, CODES, json.dumps({"phone": phone}).encode(), status, code)
    await refused(make, SESSIONS, json.dumps({"phone": phone, "code": "123456"}).encode(), status, code)
    if phone is not None:
        assert (await citizen.post("/v1/citizen/phone-codes", {"phone": phone}, status=status))["code"] == code
    body = {"phone": phone, "code": "123456"}
    assert (await citizen.post("/v1/citizen/phone-changes", body, status=status))["code"] == code


@pytest.mark.parametrize(
    "digits",
    [
        "12345",
        "1234567",
        "12345a",
        "١٢٣٤٥٦",
        "１２３４５６",
        "123456\n",
        " 123456",
        "12 456",
        "••••••",
        123456,
        None,
        "",
    ],
)
async def test_a_code_that_is_none_is_refused_and_costs_no_try(
    make: Make, new_phone: NewPhone, house: House, digits: Any
) -> None:
    phone = new_phone()
    await refused(make, SESSIONS, json.dumps({"phone": phone, "code": digits}).encode(), 400, "invalid-input")
    key = f"rate:sign-in-tries:{house.crypto.index('account.phone', phone).hex()}"
    assert await house.redis.get(key) is None


@pytest.mark.parametrize(
    "body",
    [
        '{"phone": "0912345678", "phone": "0912345679"}',
        '{"phone": "0912345678", "p\\u0068one": "0912345679"}',
        '{"phone": "0912345678", "language": "vi", "language": "vi"}',
        ' {"phone" : "0912345678",\n"phone":null}',
        '{"phone": "0912345678", "x": {"a": [{"b": 1, "b": 2}]}}',
        '{"x": ' + "9" * 5000 + ', "phone": "0912345678", "phone": "0912345679"}',
        '{"x": "\u0001", "phone": "0912345678", "phone": "0912345679"}',
    ],
)
async def test_a_name_that_stands_twice_is_refused(make: Make, body: str) -> None:
    await refused(make, CODES, body.encode(), 400, "name-twice")


async def test_the_same_name_in_two_objects_is_no_doubling(make: Make) -> None:
    bodies.check(b'{"a": {"b": 1}, "c": [{"b": 1}, {"b": 2}], "b": 3}')
    with pytest.raises(NameTwice):
        bodies.check(b'[{"a": 1}, {"a": 1, "b": 2, "a": 3}]')


async def test_who_may_not_come_in_is_told_that_first(make: Make) -> None:
    content = b'{"phone": "0912345678", "phone": "0912345679"}'
    await refused(make, "/v1/citizen/phone-codes", content, 401, "sign-in-needed")


@pytest.mark.parametrize("path", [CODES, SESSIONS, "/v1/public/eid-sessions", "/v1/public/session-refreshes"])
@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "invalid-input"),
        (b"null", 400, "invalid-input"),
        (b"[]", 400, "invalid-input"),
        (b"{}", 400, "invalid-input"),
        (b"{", 400, "malformed-body"),
        (b"{'phone': 1}", 400, "malformed-body"),
        (b'{"phone": "0912345678"} {}', 400, "malformed-body"),
        (b'{"phone": NaN}', 400, "malformed-body"),
        (b'{"phone": "\xc3\x28"}', 400, "malformed-body"),
        (b'{"phone": "\xed\xa0\x80"}', 400, "malformed-body"),
        (b'{"phone": "\\ud800"}', 400, "malformed-body"),
        (b"\xef\xbb\xbf{}", 400, "malformed-body"),
        ('{"phone": "0912345678"}'.encode("utf-16"), 400, "malformed-body"),
        (b"[" * 100_000, 400, "malformed-body"),
        (b'{"phone":' * 20_000 + b"1" + b"}" * 20_000, 400, "malformed-body"),
        (b'{"phone": "' + b"9" * 10_000_000 + b'"}', 413, "body-too-large"),
    ],
    ids=lambda value: repr(value)[:30],
)
async def test_a_body_that_is_none_is_refused(make: Make, path: str, content: bytes, status: int, code: str) -> None:
    said = await refused(make, path, content, status, code)
    assert "Traceback" not in said
    assert "msgspec" not in said


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", "json"],
)
async def test_another_kind_of_content_is_refused(make: Make, kind: str) -> None:
    await refused(make, CODES, b'{"phone": "0912345678"}', 415, "unsupported-media-type", kind)


@pytest.mark.parametrize(
    "name", ["A\u202egnp.exe", "\u200fA", "A\u2066B", "A\u0000", "A\u0085", "A\u007f", "\u001b[31mA"]
)
async def test_a_name_that_turns_or_hides_what_is_read_is_refused(citizen: Resident, name: str) -> None:
    call = {"json": {"full_name": name}, "headers": {"If-Match": "*"}, "status": 400}
    assert (await citizen.call("PATCH", "/v1/citizen/me", **call)).json()["code"] == "invalid-input"
    body = {"kind": "token", "value": "0123456789", "platform": "ios", "name": name}
    assert (await citizen.post("/v1/citizen/devices", body, status=400))["code"] == "invalid-input"


@pytest.mark.parametrize("name", ["Nguyễn •••", "Ng**** An", "*"])
async def test_a_masked_name_is_never_taken_back(citizen: Resident, name: str) -> None:
    call = {"json": {"full_name": name}, "headers": {"If-Match": "*"}, "status": 422}
    assert (await citizen.call("PATCH", "/v1/citizen/me", **call)).json()["code"] == "masked-value"


@pytest.mark.parametrize("field", ["phone", "personal_number", "birth_date", "level", "state", "id"])
async def test_what_a_resident_may_not_change_is_refused_by_its_name(citizen: Resident, field: str) -> None:
    call = {"json": {field: "001•••••••56"}, "headers": {"If-Match": "*"}, "status": 400}
    assert (await citizen.call("PATCH", "/v1/citizen/me", **call)).json()["code"] == "invalid-input"


@pytest.mark.parametrize(
    "offer", ["x", "", None, 7, "0190f5fe-7c00-7000-8000-00000000000", "0190f5fe-7c00-7000-8000-000000000000"]
)
async def test_an_offer_that_is_none_is_refused(citizen: Resident, offer: Any) -> None:
    known = isinstance(offer, str) and len(offer) == 36
    problem = await citizen.post("/v1/citizen/account-merges", {"offer_id": offer}, status=404 if known else 400)
    assert problem["code"] == ("no-merge-offer" if known else "invalid-input")
