"""What a person holds besides tickets and messages goes with them when two accounts become one."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import UUID

import httpx2
import pytest

from app.core.house import House
from app.core.settings import Settings
from sandbox.phone import Resident, moments
from tests.accounts.conftest import NewPhone, Two
from tests.consents.purposes import purpose, yes
from tests.credentials import passkeys
from tests.credentials.authenticator import Authenticator
from tests.data_requests.closings import account_of, closed, closing
from tests.delegations.conftest import CARERS, DELEGATIONS, Town, on_behalf
from tests.desk.desk import look
from tests.house.test_persons import DELETED
from tests.make import EVERYWHERE, Make

pytestmark = pytest.mark.usefixtures("worker")

CONSENTS, REQUESTS = "/v1/citizen/consents", "/v1/citizen/data-requests"
WORDS, NOTE = "Tên đệm của tôi bị viết sai.", "Chúng tôi đang đối chiếu giấy tờ."


async def until(look: Callable[[], Awaitable[Any]]) -> Any:
    found = None
    async for _ in moments(10):
        found = await look()
        if found:
            break
    return found


async def listed(who: Resident, path: str) -> list[dict[str, Any]]:
    return (await who.get(path))["items"]


async def standing(who: Resident) -> dict[str, set[str]]:
    said: dict[str, set[str]] = {}
    for one in await listed(who, CONSENTS):
        said.setdefault(one["purpose"], set()).add(one["standing"])
    return said


async def completed(who: Resident, request_id: str) -> bool:
    return (await who.get(f"{REQUESTS}/{request_id}"))["status"] == "completed"


async def test_requests_go_along_and_can_still_be_read(two: Two, make: Make) -> None:
    dpo = await make.officer(EVERYWHERE, role="data-protection")
    made = await two.phone.post(REQUESTS, {"kind": "correct", "words": WORDS})
    await dpo.post(f"/v1/officer/data-requests/{made['id']}/acknowledgements", {"text": NOTE})
    copy = await two.phone.post(REQUESTS, {"kind": "export"})
    assert await until(partial(completed, two.phone, copy["id"]))
    await two.link()
    await two.merge()
    assert len(await until(lambda: listed(two.eid, REQUESTS))) == 2
    seen = await two.eid.get(f"{REQUESTS}/{made['id']}")
    assert (seen["status"], seen["words"], seen["history"][-1]["note"]) == ("acknowledged", WORDS, NOTE)
    await two.eid.call("GET", f"{REQUESTS}/{copy['id']}/export", status=200)
    await dpo.post(f"/v1/officer/data-requests/{made['id']}/completions", {"text": "Đã sửa."})
    assert (await look(dpo, f"/data-requests/{made['id']}"))["request"]["words"] == WORDS


async def test_what_both_asked_for_is_asked_once(two: Two, house: House) -> None:
    one = await two.eid.post(REQUESTS, {"kind": "export"})
    other = await two.phone.post(REQUESTS, {"kind": "export"})
    for who, asked in ((two.eid, one), (two.phone, other)):
        assert await until(partial(completed, who, asked["id"]))
        again = "UPDATE data_request SET status = 'acknowledged', ended_at = NULL WHERE id = $1::uuid"
        await house.database.hot.execute(again, asked["id"])
        await house.database.hot.execute("DELETE FROM data_export WHERE request_id = $1::uuid", asked["id"])
    await two.link()
    await two.merge()

    async def both() -> bool:
        return len(await listed(two.eid, REQUESTS)) == 2

    assert await until(both)
    assert (await two.eid.get(f"{REQUESTS}/{one['id']}"))["status"] == "acknowledged"
    assert (await two.eid.get(f"{REQUESTS}/{other['id']}"))["status"] == "cancelled"


async def test_a_yes_goes_along_unless_the_account_that_stays_has_said_something_itself(two: Two, house: House) -> None:
    kept, refused = await purpose(house), await purpose(house)
    for code in (kept, refused):
        await two.phone.post(CONSENTS, yes(code))
    withdrawn = await two.eid.post(CONSENTS, yes(refused))
    await two.eid.post(f"{CONSENTS}/{withdrawn['id']}/withdrawals")
    absorbed = UUID((await two.phone.get("/v1/citizen/me"))["id"])
    before = (await listed(two.phone, CONSENTS))[-1]
    await two.link()
    await two.merge()

    async def moved() -> bool:
        return kept in await standing(two.eid)

    assert await until(moved)
    assert await standing(two.eid) == {kept: {"active"}, refused: {"withdrawn"}}
    (same,) = [one for one in await listed(two.eid, CONSENTS) if one["purpose"] == kept]
    assert (same["granted_at"], same["shown_hash"], same["method"]) == (
        before["granted_at"],
        before["shown_hash"],
        before["method"],
    )
    ended = "SELECT count(*) FROM consent c JOIN consent_ending e ON e.consent_id = c.id WHERE c.account_id = $1"
    assert await house.database.hot.fetchval(ended, absorbed) == 2


async def test_a_passkey_opens_the_account_that_stays_at_the_level_it_had(
    two: Two, make: Make, settings: Settings
) -> None:
    key = Authenticator(settings.passkeys.origins[0])
    await passkeys.add(two.phone, key)
    await two.link()
    await two.merge()
    assert await until(lambda: two.eid.get(passkeys.ADD))
    visitor = make.resident()
    await passkeys.sign_in(visitor, key)
    me = await visitor.get("/v1/citizen/me")
    assert (me["id"], me["session_level"]) == ((await two.eid.get("/v1/citizen/me"))["id"], 0)


@pytest.fixture
def town(make: Make, house: House, outside: httpx2.AsyncClient, new_phone: NewPhone) -> Town:
    return Town(make, house, outside, new_phone)


async def test_who_was_let_act_still_may_and_nobody_acts_for_themselves(two: Two, make: Make, town: Town) -> None:
    elder, absorbed = await make.citizen(level=2), UUID((await two.phone.get("/v1/citizen/me"))["id"])
    accepted = "UPDATE delegation SET state = 'active', delegate_id = $2, begins_at = now() WHERE id = $1"
    for one in (elder, two.eid):
        given = await one.post(CARERS, town.grant(two.number, "tickets"))
        await town.sql(accepted, UUID(given["id"]), absorbed)
    await two.link()
    await two.merge()

    async def ended() -> bool:
        return any(one["state"] == "ended" for one in await listed(two.eid, DELEGATIONS))

    assert await until(ended)
    (over,) = [one for one in await listed(two.eid, DELEGATIONS) if one["state"] == "ended"]
    assert over["end_reason"] == "merged"
    (held,) = [one for one in await listed(two.eid, DELEGATIONS) if one["state"] == "active"]
    elder_id = (await elder.get("/v1/citizen/me"))["id"]
    assert (held["side"], held["other"]["account_id"]) == ("held", elder_id)
    await on_behalf(two.eid, elder_id, "GET", "/v1/citizen/tickets", status=200)


async def test_who_is_forgotten_is_forgotten_in_the_account_that_was_merged_too(
    two: Two, house: House, new_phone: NewPhone
) -> None:
    second = new_phone()
    await two.eid.post("/v1/citizen/phone-codes", {"phone": second}, status=202)
    change = {"phone": second, "code": await two.eid.read_code(second)}
    await two.eid.post("/v1/citizen/phone-changes", change, status=200)
    absorbed, survivor = await account_of(two.phone), await account_of(two.eid)
    await two.link()
    await two.merge()
    asked = await closing(two.phone)
    await closed(house, asked["id"])
    rows = await house.database.hot.fetch("SELECT * FROM account WHERE id = ANY($1)", [absorbed, survivor])
    assert [(row["state"], row["phone_index"], row["phone_sealed"]) for row in rows] == [("closed", None, None)] * 2
    for table, column in DELETED.items():
        left = f"SELECT count(*) FROM {table} WHERE {column}::text = ANY($1)"
        assert not await house.database.hot.fetchval(left, [str(absorbed), str(survivor)]), table
    entries = "SELECT string_agg(facts::text, '') FROM audit_entry WHERE account_id = ANY($1)"
    assert "device" not in await house.database.hot.fetchval(entries, [absorbed, survivor])
