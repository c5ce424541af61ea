"""Parts of the ground, each by itself: crypto, tokens, pages, log, settings, coalescing."""

import asyncio
import base64
import io
import json
import logging
from uuid import UUID

import pytest
import structlog
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from app.core import log, pages, settings
from app.core.auth import Auth, Revoked, claims_of
from app.core.batch import Batch
from app.core.crypto import Crypto, is_masked, mask
from app.core.errors import SignInNeeded, WrongDoor, language_of
from app.core.house import House
from app.core.ids import new_id
from app.core.principals import Citizen
from app.core.settings import Crypto as CryptoSettings
from app.core.settings import Log, SettingsWrong
from app.core.wire import clean

OLD = {"1": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}
NEW = OLD | {"2": "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY="}
INDEX = "aW5kZXhpbmRleGluZGV4aW5kZXhpbmRleGluZGV4aW4="


@given(st.text())
def test_what_is_encrypted_is_read_back_also_after_a_key_change(text: str) -> None:
    before, after = Crypto(CryptoSettings(OLD, INDEX)), Crypto(CryptoSettings(NEW, INDEX))
    assert after.decrypt("a", before.encrypt("a", text)) == text
    assert after.encrypt("a", text).startswith(b"2:")
    assert before.index("a", text) == after.index("a", text)


def test_a_sealed_value_moved_to_another_column_does_not_open() -> None:
    crypto = Crypto(CryptoSettings(OLD, INDEX))
    with pytest.raises(InvalidTag):
        crypto.decrypt("account.number", crypto.encrypt("account.phone", "+84912345678"))
    assert crypto.index("a", "x") != crypto.index("b", "x")


@given(st.text(alphabet="0123456789", max_size=20))
def test_a_mask_hides_and_is_known_as_one(number: str) -> None:
    masked = mask(number)
    assert len(masked) == len(number)
    assert is_masked(masked) or not number


def token(house: House, *, ttl_s: int = 60, audience: str = "citizen") -> tuple[Citizen, bytes]:
    citizen = Citizen(new_id(), new_id(), 1)
    return citizen, f"Bearer {house.keys.issue(claims_of(citizen), audience, ttl_s)}".encode()


def test_a_token_is_who_it_says_and_belongs_to_one_door(house: House) -> None:
    auth = Auth(house.keys)
    citizen, header = token(house)
    assert auth.check(header, "citizen") == auth.check(header, "citizen") == citizen
    with pytest.raises(WrongDoor):
        auth.check(header, "officer")


def test_a_bad_token_is_refused(house: House) -> None:
    auth = Auth(house.keys)
    _, good = token(house)
    _, expired = token(house, ttl_s=-1)
    head, body, signature = good.decode().removeprefix("Bearer ").split(".")
    none = "eyJhbGciOiJub25lIn0"
    for header in (
        b"",
        b"Bearer",
        b"Basic abc",
        b"Bearer x.y.z",
        expired,
        f"Bearer {head}.{body}.{signature[:-4]}AAAA".encode(),
        f"Bearer {none}.{body}.".encode(),
        b"Bearer \xff\xfe",
    ):
        with pytest.raises(SignInNeeded):
            auth.check(header, "citizen")


def test_a_revoked_session_is_refused_even_if_its_token_was_remembered(house: House) -> None:
    auth = Auth(house.keys)
    citizen, header = token(house)
    auth.check(header, "citizen")
    auth.revoke([Revoked(citizen.session_id, 2**40, 2**40)])
    with pytest.raises(SignInNeeded):
        auth.check(header, "citizen")


@given(st.lists(st.uuids(), max_size=5), st.integers(1, 4))
def test_a_page_has_a_next_exactly_if_there_is_more(rows: list[UUID], limit: int) -> None:
    page = pages.page(rows[: limit + 1], limit, lambda row: [row], str)
    assert len(page.items) == min(len(rows), limit)
    assert (page.next is not None) == (len(rows) > limit)
    if page.next:
        assert pages.read(page.next, [UUID]) == [rows[limit - 1]]


async def test_coalescing_gives_each_caller_its_own_answer_and_error() -> None:
    runs: list[int] = []

    async def run(items: list[int]) -> list[int | Exception]:
        runs.append(len(items))
        await asyncio.sleep(0)
        if 13 in items:
            raise ValueError("the whole statement failed")
        return [item * 2 if item != 7 else KeyError(item) for item in items]

    batch: Batch[int, int] = Batch(run, most=8)
    answers = await asyncio.gather(*(batch(number) for number in range(20)), return_exceptions=True)
    assert [answer for answer in answers if isinstance(answer, int)] == [n * 2 for n in range(20) if n not in (7, 13)]
    assert isinstance(answers[7], KeyError)
    assert isinstance(answers[13], ValueError)
    assert max(runs) > 1


async def test_a_caller_who_goes_away_does_not_disturb_the_others() -> None:
    gate = asyncio.Event()

    async def run(items: list[int]) -> list[int | Exception]:
        await gate.wait()
        return list(items)

    batch: Batch[int, int] = Batch(run)
    tasks = [asyncio.create_task(batch(number)) for number in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    gate.set()
    assert await asyncio.gather(*tasks, return_exceptions=True) != []
    assert tasks[0].result() == 0
    assert tasks[2].result() == 2


async def test_what_arrives_in_the_step_after_the_last_statement_is_answered_without_another_caller() -> None:
    gate, begun = asyncio.get_running_loop().create_future(), asyncio.Event()

    async def run(items: list[int]) -> list[int | Exception]:
        begun.set()
        await gate
        return list(items)

    batch: Batch[int, int] = Batch(run)
    first = asyncio.create_task(batch(1))
    await begun.wait()
    gate.set_result(None)
    second = asyncio.create_task(batch(2))  # its step comes after the one in which the first statement ends
    assert await asyncio.wait_for(asyncio.gather(first, second), 2) == [1, 2]


def test_what_must_never_be_logged_is_not() -> None:
    event = {
        "event": "x",
        "phone": "+84912345678",
        "deep": {"token": "secret", "list": ["call 0912345678", "https://x/y?code=1"]},
        "text": "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.abc and 001090123456 and postgresql://user:pw@host/db",
        "exception": "Error: bad\nDETAIL: Failing row contains (Nguyễn Văn An, secret).",
    }
    said = json.dumps(log.redact(None, "", event), ensure_ascii=False)
    for secret in ("912345678", "secret", "code=1", "eyJ", "001090123456", "user:pw", "Văn An"):
        assert secret not in said


def test_logs_are_one_json_object_a_line_also_from_libraries() -> None:
    before = logging.getLogger().handlers[:]
    stream = io.StringIO()
    log.configure(Log(), stream)
    structlog.get_logger().warning("ours", job="x")
    logging.getLogger("somebody").warning("theirs %s", "+84912345678")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["ours", "theirs [hidden]"]
    log.configure(Log(level="ERROR"))
    logging.getLogger().handlers[:] = before


def test_every_fault_of_the_settings_is_named_at_once(environment: dict[str, str]) -> None:
    wrong = {**environment, "SERVER__PORT": "many", "CRYPTO__KEYS": "{"}
    del wrong["SMS__URL"]
    wrong["EID__CLIENT_SECRET"] = ""
    with pytest.raises(SettingsWrong) as raised:
        settings.load(wrong)
    for name in ("SERVER__PORT", "CRYPTO__KEYS", "SMS__URL", "EID__CLIENT_SECRET is empty"):
        assert name in str(raised.value)


SHORT = base64.b64encode(b"short").decode()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CRYPTO__KEYS", "{}"),
        ("CRYPTO__KEYS", json.dumps({"1": SHORT})),
        ("CRYPTO__KEYS", '{"1": "not base64"}'),
        ("CRYPTO__KEYS", json.dumps({"1:": base64.b64encode(bytes(32)).decode()})),
        ("CRYPTO__INDEX_KEY", SHORT),
        ("TIMEZONE", "Asia/Atlantis"),
        ("PASSKEYS__RP_ID", "https://khue.example"),
        ("PASSKEYS__RP_ID", "khue.example:8000"),
        ("PASSKEYS__ORIGINS", "[]"),
        ("PASSKEYS__ORIGINS", '["https://khue.example/"]'),
        ("PASSKEYS__ORIGINS", '["http://khue.example"]'),
        ("PASSKEYS__ORIGINS", '["android:apk-key-hash:short"]'),
    ],
)
def test_what_reads_well_and_cannot_work_is_a_fault_too(environment: dict[str, str], name: str, value: str) -> None:
    with pytest.raises(SettingsWrong, match=f"^{name} does not fit"):
        settings.load(environment | {name: value})


@pytest.mark.parametrize(
    ("header", "language"), [("", "vi"), ("en", "en"), ("fr, en;q=0.3", "en"), ("vi, en;q=0.9", "vi"), ("en;q=x", "vi")]
)
def test_the_language_is_vietnamese_unless_english_is_preferred(header: str, language: str) -> None:
    assert language_of(header) == language


def test_text_is_nfc_and_without_control_characters() -> None:
    assert clean("e\u0302\u0301") == "ế"
    with pytest.raises(ValueError, match="control"):
        clean("a\0b")
