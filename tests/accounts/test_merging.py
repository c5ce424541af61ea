"""One person, one account: the offer to merge two, and what a yes does."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest

from app.accounts import states
from app.accounts.models import Account, MergeOffer
from app.accounts.rules import PHONE, State
from app.core import person_keys
from app.core.house import House
from app.core.ids import new_id
from app.core.principals import Nobody
from app.core.settings import Settings
from sandbox.phone import Resident, eventually, moments
from tests.accounts.conftest import NewPhone, Two
from tests.make import Make
from workers.context import Run, open_context
from workers.registry import WORKERS

pytestmark = pytest.mark.usefixtures("worker")


async def id_of(resident: Resident) -> UUID:
    return UUID((await resident.get("/v1/citizen/me"))["id"])


async def state(house: House, account_id: UUID, to: State) -> None:
    async with house.database.transaction() as db:
        account = await db.get_one(Account, account_id, with_for_update=True)
        await states.change(db, house.revocations, account, to, Nobody(), "test")


async def test_the_offer_says_what_would_happen_and_changes_nothing(two: Two, make: Make) -> None:
    await make.ticket(two.phone)
    problem = await two.link()
    assert problem["code"] == "merge-offered"
    assert problem["params"]["moves"]["tickets"] == 1
    assert problem["params"]["closes"]["phone"] == two.number[:5] + "••••" + two.number[-3:]
    assert problem["params"]["stays"]["phone"] is None
    me = await two.phone.get("/v1/citizen/me")
    assert (me["level"], me["state"]) == (0, "active")
    assert (await two.eid.get("/v1/citizen/me"))["phone"] is None


async def test_a_yes_brings_everything_into_the_account_with_the_eid(
    two: Two, make: Make, outside: httpx2.AsyncClient, house: House
) -> None:
    survivor, absorbed = await id_of(two.eid), await id_of(two.phone)
    ring = await two.phone.get_phone("mine")
    ticket, photo = await make.ticket(two.phone), await make.photo(two.phone)
    await eventually(outside, f"/phones/{ring}/messages")
    old = two.phone.token
    await two.link()
    await two.merge()
    me = await two.phone.get("/v1/citizen/me")
    assert (UUID(me["id"]), me["level"], me["session_level"]) == (survivor, 2, 2)
    assert me["phone"].endswith(two.number[-3:])
    async for _ in moments(5):
        if (await two.eid.get("/v1/citizen/tickets"))["items"]:
            break
    assert [one["id"] for one in (await two.eid.get("/v1/citizen/tickets"))["items"]] == [ticket["id"]]
    titles = [one["title"] for one in await inbox(two.eid, 2)]
    assert f"Đã gửi phản ánh {ticket['code']}" in titles
    assert titles.count("Hai tài khoản của bạn đã được gộp") == 1
    assert [device["name"] for device in await two.eid.get("/v1/citizen/devices")] == ["mine"]
    assert len(await eventually(outside, f"/phones/{ring}/messages", least=2)) == 2
    assert await house.database.hot.fetchval("SELECT owner_id FROM photo WHERE id = $1", UUID(photo)) == survivor
    history = await house.database.hot.fetchval(
        "SELECT count(*) FROM ticket_event WHERE ticket_id = $1", UUID(ticket["id"])
    )
    assert history == 1
    row = await house.database.hot.fetchrow("SELECT * FROM account WHERE id = $1", absorbed)
    assert row is not None
    assert (row["state"], row["merged_into"], row["phone_index"], row["full_name"]) == ("closed", survivor, None, "")
    for account in (survivor, absorbed):
        query = "SELECT count(*) FROM audit_entry WHERE account_id = $1 AND action = 'merged'"
        assert await house.database.hot.fetchval(query, account) == 1
    methods = [one["method"] for one in (await two.phone.get("/v1/citizen/me/sign-ins"))["items"]]
    assert methods == ["eid", "phone", "eid"]
    two.phone.token = old
    assert (await two.phone.get("/v1/citizen/me", status=401))["code"] == "sign-in-needed"


async def inbox(resident: Resident, least: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    async for _ in moments(5):
        found = (await resident.get("/v1/citizen/messages"))["items"]
        if len(found) >= least:
            break
    return found


async def test_the_phone_of_the_account_that_went_signs_in_to_the_one_that_stayed(two: Two, make: Make) -> None:
    await two.link()
    await two.merge()
    other = make.resident()
    await other.post("/v1/public/phone-codes", {"phone": two.number}, status=202)
    code = (await eventually(other.outside, "/sms/messages", {"to": two.number}, least=2))[0]["text"][:6]
    other.keep(await other.post("/v1/public/sessions", {"phone": two.number, "code": code}))
    assert await id_of(other) == await id_of(two.eid)


@pytest.mark.parametrize("chosen", ["mine", "other"])
async def test_of_two_numbers_the_chosen_one_stands_and_both_lead_to_one_account(
    two: Two, make: Make, new_phone: NewPhone, house: House, chosen: str
) -> None:
    second = new_phone()
    await two.eid.post("/v1/citizen/phone-codes", {"phone": second}, status=202)
    change = {"phone": second, "code": (await two.eid.read_code(second))}
    await two.eid.post("/v1/citizen/phone-changes", change, status=200)
    await two.link()
    await two.merge(phone=chosen)
    shown = (await two.phone.get("/v1/citizen/me"))["phone"]
    assert shown.endswith((two.number if chosen == "mine" else second)[-3:])
    survivor = await id_of(two.eid)
    async with house.database.transaction() as db:
        person = await person_keys.person(db, house.crypto, survivor)
        for number in (two.number, second):
            row = await house.database.hot.fetchrow(
                "SELECT * FROM account WHERE phone_index = $1", house.crypto.index(PHONE, number)
            )
            assert row is not None
            assert survivor in (row["id"], row["merged_into"])
            assert person.decrypt(PHONE, row["phone_sealed"]) == number


async def test_an_offer_works_once_in_its_own_session_and_account_and_for_ten_minutes(
    two: Two, make: Make, citizen: Resident, house: House
) -> None:
    path = "/v1/citizen/account-merges"
    await two.link()
    body = {"offer_id": two.offer["offer_id"]}
    assert (await citizen.post(path, body, status=404))["code"] == "no-merge-offer"
    assert (await two.eid.post(path, body, status=404))["code"] == "no-merge-offer"
    elsewhere = make.resident()
    await elsewhere.post("/v1/public/phone-codes", {"phone": two.number}, status=202)
    code = (await eventually(elsewhere.outside, "/sms/messages", {"to": two.number}, least=2))[0]["text"][:6]
    elsewhere.keep(await elsewhere.post("/v1/public/sessions", {"phone": two.number, "code": code}))
    assert (await elsewhere.post(path, body, status=404))["code"] == "no-merge-offer"
    async with house.database.transaction() as db:
        offer = await db.get_one(MergeOffer, UUID(body["offer_id"]))
        assert offer.expires_at - datetime.now(UTC) <= timedelta(minutes=10)
        offer.expires_at = datetime.now(UTC)
    assert (await two.phone.post(path, body, status=404))["code"] == "no-merge-offer"
    assert (await two.phone.get("/v1/citizen/me"))["state"] == "active"


async def test_a_newer_offer_ends_the_older(two: Two) -> None:
    await two.link()
    older = {"offer_id": two.offer["offer_id"]}
    await two.link()
    assert (await two.phone.post("/v1/citizen/account-merges", older, status=404))["code"] == "no-merge-offer"
    await two.merge()


async def test_a_no_leaves_both_as_they_are(two: Two) -> None:
    await two.link()
    path = f"/v1/citizen/account-merges/{two.offer['offer_id']}"
    await two.eid.call("DELETE", path, status=404)
    await two.phone.call("DELETE", path, status=204)
    body = {"offer_id": two.offer["offer_id"]}
    assert (await two.phone.post("/v1/citizen/account-merges", body, status=404))["code"] == "no-merge-offer"
    assert await id_of(two.phone) != await id_of(two.eid)


async def test_of_two_yeses_at_once_one_is_done(two: Two, house: House) -> None:
    await two.link()
    survivor = await id_of(two.eid)
    body = {"offer_id": two.offer["offer_id"]}
    headers = {"Authorization": f"Bearer {two.phone.token}"}
    asking = (two.phone.api.post("/v1/citizen/account-merges", json=body, headers=headers) for _ in range(3))
    answers = await asyncio.gather(*asking)
    assert sorted(one.status_code for one in answers)[0] == 201
    assert all(one.status_code in (201, 401, 404) for one in answers)
    assert [one.status_code for one in answers].count(201) == 1
    merged = "SELECT count(*) FROM audit_entry WHERE action = 'merged' AND account_id = $1"
    assert await house.database.hot.fetchval(merged, survivor) == 1


@pytest.mark.parametrize("bad", [State.SUSPENDED, State.BLOCKED, State.RESET_REQUIRED, State.CLOSING])
async def test_who_is_blocked_at_the_account_with_the_eid_is_offered_nothing(
    two: Two, house: House, bad: State
) -> None:
    await state(house, await id_of(two.eid), bad)
    problem = await two.link()
    assert (problem["code"], problem["params"]["state"]) == ("merge-refused", bad)
    assert (await two.phone.get("/v1/citizen/me"))["level"] == 0


async def test_an_account_blocked_after_the_offer_is_not_merged(two: Two, house: House) -> None:
    survivor = await id_of(two.eid)
    await two.link()
    await state(house, survivor, State.BLOCKED)
    body = {"offer_id": two.offer["offer_id"]}
    assert (await two.phone.post("/v1/citizen/account-merges", body, status=409))["code"] == "merge-refused"
    assert (await two.phone.get("/v1/citizen/me"))["state"] == "active"


async def test_a_blocked_person_does_not_slip_out_by_merging_the_blocked_account_away(two: Two, house: House) -> None:
    await two.link()
    absorbed = await id_of(two.phone)
    async with house.database.transaction() as db:  # the token still says active: nothing has told this process
        row = await db.get_one(Account, absorbed)
        row.state = State.BLOCKED
    body = {"offer_id": two.offer["offer_id"]}
    problem = await two.phone.post("/v1/citizen/account-merges", body, status=409)
    assert (problem["code"], problem["params"]["state"]) == ("merge-refused", "blocked")


async def test_an_account_with_an_identity_of_its_own_is_never_merged_away(make: Make, two: Two) -> None:
    other = make.resident()
    await other.sign_in_by_eid("resident-0999")
    begun = await other.post("/v1/citizen/eid-link-begins", {"level": 2})
    back = await other.choose(begun["url"], two.person)
    assert (await other.post("/v1/citizen/eid-links", back, status=409))["code"] == "identity-taken"


async def test_the_handing_over_may_run_twice_and_the_old_key_goes_when_nothing_is_under_way(
    two: Two, make: Make, house: House, settings: Settings
) -> None:
    absorbed, survivor = await id_of(two.phone), await id_of(two.eid)
    await two.link()
    await two.merge()
    late = await make.ticket(two.phone)
    await house.database.hot.execute("UPDATE ticket SET citizen_id = $2 WHERE id = $1", UUID(late["id"]), absorbed)
    again = Run(new_id(), 1, {"account_id": str(absorbed)})
    owner = "SELECT citizen_id FROM ticket WHERE id = $1"
    key = "SELECT count(*) FROM person_key WHERE account_id = $1"
    async with open_context(settings) as context:
        await WORKERS["account-merged"](context, again)
        assert await house.database.hot.fetchval(owner, UUID(late["id"])) == survivor
        assert await house.database.hot.fetchval(key, absorbed) == 1
        await house.database.hot.execute(
            "UPDATE account SET state_at = state_at - interval '1 hour' WHERE id = $1", absorbed
        )
        for _ in range(2):
            await WORKERS["account-merged"](context, again)
    assert await house.database.hot.fetchval(key, absorbed) == 0
    due = "SELECT count(*) FROM outbox WHERE job = 'account-merged' AND args->>'account_id' = $1 AND due_at > now()"
    assert await house.database.hot.fetchval(due, str(absorbed)) == 1
    assert (await two.phone.get("/v1/citizen/me"))["phone"].endswith(two.number[-3:])
