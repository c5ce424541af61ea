"""What happens to an account is told to its holder: once, in the inbox and on the phone, in words that read well."""

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx2
import pytest

from app.accounts import queries, rules, states
from app.accounts import service as accounts
from app.accounts.models import Account
from app.accounts.rules import State
from app.core import sessions
from app.core.house import House
from app.core.ids import new_id
from app.core.principals import Nobody
from app.core.settings import Settings
from app.notifications.rules import PUSH_BODY_MAX
from sandbox.phone import Resident, eventually, moments
from tests.make import Make
from workers.context import Run, open_context
from workers.registry import WORKERS

pytestmark = pytest.mark.usefixtures("worker")

NewPhone = Callable[[], str]
FACTS: dict[str, dict[str, Any]] = {
    "state-changed": {"before": "active", "after": "reset-required"},
    "signed-out-everywhere": {"ended": 3},
    "new-device": {"method": "eid"},
}
WORDS = {
    "vi": {
        "refresh-reused": "mã đăng nhập cũ được dùng lại",
        "eid-linked": "được xác thực",
        "eid-unlinked": "gọi 1022",
        "state-changed": "mọi phiên đăng nhập đã kết thúc",
        "merged": "ở một tài khoản",
        "signed-out-everywhere": "3 phiên đăng nhập đã kết thúc",
        "new-device": "bằng định danh điện tử trên thiết bị “Galaxy A54”",
        "phone-changed": "số điện thoại mới",
        "passkey-added": "hãy xoá khoá đó",
        "passkey-removed": "bằng khoá đó đã kết thúc",
        "passkey-disabled": "có thể nó đã bị sao chép",
    },
    "en": {
        "refresh-reused": "an old sign-in token was used again",
        "eid-linked": "was verified",
        "eid-unlinked": "call 1022",
        "state-changed": "all sessions ended",
        "merged": "in one account",
        "signed-out-everywhere": "3 sessions ended",
        "new-device": "by the national eID on the device “Galaxy A54”",
        "phone-changed": "new phone number",
        "passkey-added": "remove it",
        "passkey-removed": "it had opened have ended",
        "passkey-disabled": "may have been copied",
    },
}


async def noted(house: House, resident: Resident, action: str) -> UUID:
    """The account, with that on its trail, about a session on a Galaxy A54."""
    account_id = UUID((await resident.get("/v1/citizen/me"))["id"])
    async with house.database.transaction() as db:
        subject = sessions.open_session(db, house, "citizen", account_id, {}, "Galaxy A54").session.id
        accounts.note(db, Nobody(), action, "session", subject, account_id=account_id, **FACTS.get(action, {}))
    return account_id


async def inbox(resident: Resident, least: int = 1, language: str = "vi") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    async for _ in moments(5):
        headers = {"Accept-Language": language}
        found = (await resident.call("GET", "/v1/citizen/messages", status=200, headers=headers)).json()["items"]
        if len(found) >= least:
            break
    return found


def test_words_are_tried_for_each_action_that_is_told() -> None:
    assert WORDS["vi"].keys() == WORDS["en"].keys() == rules.TOLD


@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize("action", sorted(rules.TOLD))
async def test_it_is_in_the_inbox_and_on_the_phone_in_the_accounts_language(
    citizen: Resident, outside: httpx2.AsyncClient, house: House, action: str, language: str
) -> None:
    body, match = {"language": language}, {"If-Match": "*"}
    await citizen.call("PATCH", "/v1/citizen/me", json=body, headers=match, status=200)
    ring = await citizen.get_phone()
    await noted(house, citizen, action)
    (push,) = await eventually(outside, f"/phones/{ring}/messages")
    (message,) = await inbox(citizen, language=language)
    said = push["notification"]
    assert (said["title"], said["body"]) == (message["title"], message["body"])
    assert WORDS[language][action] in said["body"]
    assert not re.search(r"[{}]", said["title"] + said["body"])
    assert len(said["body"]) <= PUSH_BODY_MAX
    assert re.search(
        r"\d\d:\d\d ngày \d\d/\d\d/\d{4}" if language == "vi" else r"\d\d:\d\d on \d\d \w+ \d{4}", said["body"]
    )


async def test_a_job_that_runs_twice_tells_once(
    citizen: Resident, outside: httpx2.AsyncClient, house: House, settings: Settings
) -> None:
    ring = await citizen.get_phone()
    account_id = await noted(house, citizen, "eid-linked")
    await eventually(outside, f"/phones/{ring}/messages")
    entry = await house.database.hot.fetchval(
        "SELECT id FROM audit_entry WHERE account_id = $1 AND action = 'eid-linked'", account_id
    )
    async with open_context(settings) as context:
        for _ in range(2):
            await WORKERS["tell-security"](context, Run(new_id(), 1, {"entry_id": str(entry)}))
    assert len(await inbox(citizen)) == 1
    waiting = "SELECT count(*) FROM outbox WHERE job = 'push' AND args->>'message_id' IN (SELECT id::text FROM message WHERE account_id = $1)"
    assert await house.database.hot.fetchval(waiting, account_id) == 0
    assert len((await outside.get(f"/phones/{ring}/messages")).json()) == 1


async def test_what_is_not_for_the_holder_is_not_told(citizen: Resident, house: House) -> None:
    account_id = await noted(house, citizen, "proved-again")
    query = "SELECT count(*) FROM outbox WHERE job = 'tell-security' AND args->>'entry_id' IN (SELECT id::text FROM audit_entry WHERE account_id = $1)"
    assert await house.database.hot.fetchval(query, account_id) == 0
    assert (await citizen.get("/v1/citizen/messages"))["items"] == []


async def test_a_sign_in_on_a_new_device_is_told_and_one_on_a_known_device_is_not(
    make: Make, new_phone: NewPhone
) -> None:
    phone, resident = new_phone(), make.resident()
    for sent, device in enumerate(("Galaxy A54", "Galaxy A54", "iPhone 15"), start=1):
        await resident.post("/v1/public/phone-codes", {"phone": phone}, status=202)
        code = (await eventually(resident.outside, "/sms/messages", {"to": phone}, least=sent))[0]["text"][:6]
        body = {"phone": phone, "code": code, "device_name": device}
        resident.keep(await resident.post("/v1/public/sessions", body))
    (message,) = await inbox(resident)
    assert message["title"] == "Đăng nhập trên thiết bị mới"
    assert "bằng mã gửi đến điện thoại trên thiết bị “iPhone 15”" in message["body"]


async def test_a_suspension_is_told_to_the_phones_though_nobody_is_signed_in(
    make: Make, outside: httpx2.AsyncClient, house: House
) -> None:
    citizen = await make.citizen()
    ring = await citizen.get_phone()
    account_id = UUID((await citizen.get("/v1/citizen/me"))["id"])
    async with house.database.transaction() as db:
        account = await db.get_one(Account, account_id, with_for_update=True)
        await states.change(db, house.revocations, account, State.SUSPENDED, Nobody(), rules.EID_SUSPENDED)
    (push,) = await eventually(outside, f"/phones/{ring}/messages")
    assert "tạm thời không dùng được" in push["notification"]["body"]
    async with house.database.transaction() as db:
        assert len(await queries.push_targets(db, account_id, signed_out=True)) == 1
        assert await queries.push_targets(db, account_id, signed_out=False) == []
