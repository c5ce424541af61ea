"""The end of an account: nothing readable of the person is left, and the city keeps its cases."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest

from app.core import person_keys
from app.core.house import House
from app.core.ids import new_id
from app.data_requests.rules import CLOSE_JOB
from app.tickets import photos
from sandbox.phone import Officer, Resident, eventually
from tests.consents.purposes import purpose, yes
from tests.credentials import passkeys
from tests.credentials.authenticator import Authenticator
from tests.data_requests.clocks import REQUESTS, age, due, queued, until
from tests.data_requests.closings import account_of, closed, closing, run_again, state_of, taken
from tests.house.test_persons import DELETED
from tests.make import Make
from workers.context import Run, open_context
from workers.registry import WORKERS

NAME = "Quàng Thị Êban Xuyến"


async def texts(house: House) -> dict[str, str]:
    """Every table as text, bytes as what they are."""
    tables = await house.database.hot.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    found: dict[str, str] = {}
    for row in tables:
        name = row["tablename"]
        columns = await house.database.hot.fetch(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = $1", name
        )
        read = ", ".join(
            f"encode({one['column_name']}, 'escape')" if one["data_type"] == "bytea" else f"{one['column_name']}::text"
            for one in columns
        )
        rows = await house.database.hot.fetch(f"SELECT concat_ws(' | ', {read}) AS said FROM {name}")
        found[name] = "\n".join(str(one["said"]) for one in rows)
    return found


@pytest.mark.usefixtures("worker")
async def test_after_the_deletion_nothing_readable_of_the_person_is_left(
    make: Make, officer: Officer, house: House, new_phone: Callable[[], str]
) -> None:
    phone, citizen = new_phone(), make.resident()
    await citizen.sign_in_by_phone(phone)
    local = f"0{phone[3:]}"
    spaced = f"{local[:4]} {local[4:7]} {local[7:]}"
    tag = (await citizen.call("GET", "/v1/citizen/me", status=200)).headers["etag"]
    await citizen.call("PATCH", "/v1/citizen/me", json={"full_name": NAME}, headers={"If-Match": tag}, status=200)
    account = await account_of(citizen)
    sealed = await house.database.hot.fetchval("SELECT phone_sealed FROM account WHERE id = $1", account)
    await citizen.get_phone("máy")
    await passkeys.add(citizen, Authenticator(house.settings.passkeys.origins[0]), f"Máy của {NAME}")
    consent = await citizen.post("/v1/citizen/consents", yes(await purpose(house)))
    written = f"Tôi là {NAME}, gọi {spaced} hoặc {phone}."
    used, unused, open_one = [await make.photo(citizen) for _ in range(3)]
    done = await make.ticket(citizen, description=written, photo_ids=[used])
    await make.answered(officer, done)
    await citizen.post(f"/v1/citizen/tickets/{done['id']}/ratings", {"rating": "satisfied", "comment": written})
    still = await make.ticket(citizen, description=written, address=f"Nhà {NAME}", photo_ids=[open_one])
    refused = await make.ticket(citizen, description=written)
    note = f"Đã gọi cho {NAME} theo số {local}."
    await make.moved(officer, refused, "rejected", reject_code="KNTC", note=note)
    await citizen.post(REQUESTS, {"kind": "correct", "words": written})
    before = await texts(house)
    assert {table for table, text in before.items() if NAME in text or escaped(NAME) in text} >= {
        "account",
        "ticket",
        "ticket_event",
        "idempotency_key",
        "passkey",
    }
    request = await closing(citizen)
    await days_pass(house, officer)
    await closed(house, request["id"])

    known = (NAME, escaped(NAME), phone, local, spaced, phone[1:])
    left = {table: one for table, text in (await texts(house)).items() for one in known if one in text}
    assert left == {}
    row = await house.database.hot.fetchrow("SELECT * FROM account WHERE id = $1", account)
    assert row is not None
    assert (row["state"], row["full_name"], row["phone_index"], row["phone_sealed"]) == ("closed", "", None, None)
    await cannot_be_read(house, account, sealed)
    await stays_as_cases(house, done["id"], still["id"])
    files = {one: photos.path_of(house.settings.uploads, UUID(one)).exists() for one in (used, unused, open_one)}
    assert files == {used: False, unused: False, open_one: True}
    for table, column in DELETED.items():
        assert not await house.database.hot.fetchval(
            f"SELECT count(*) FROM {table} WHERE {column}::text = $1", str(account)
        )
    ending = await house.database.hot.fetchval(
        "SELECT why FROM consent_ending WHERE consent_id = $1", UUID(consent["id"])
    )
    assert ending == "account-closed"
    assert await house.database.hot.fetchval("SELECT count(*) FROM audit_entry WHERE account_id = $1", account) > 5


def escaped(text: str) -> str:
    """As `encode(…, 'escape')` writes it."""
    return "".join(chr(byte) if byte < 128 else f"\\{byte:03o}" for byte in text.encode())


async def days_pass(house: House, officer: Officer) -> None:
    """What the officer was answered days ago is no longer kept for a repetition."""
    account = (await officer.get("/v1/officer/me"))["id"]
    await house.database.hot.execute(
        "UPDATE idempotency_key SET created_at = created_at - interval '7 days' WHERE caller = $1", account
    )
    async with open_context(house.settings) as context:
        await WORKERS["sweep-old"](context, Run(new_id(), 1, {}))


async def cannot_be_read(house: House, account: UUID, sealed: bytes) -> None:
    """Not even what somebody kept of the database."""
    async with house.database.transaction() as db:
        person = await person_keys.person(db, house.crypto, account)
        with pytest.raises(person_keys.Shredded):
            person.decrypt("account.phone", sealed)


async def stays_as_cases(house: House, done: str, still: str) -> None:
    ended = await house.database.hot.fetchrow("SELECT * FROM ticket WHERE id = $1", UUID(done))
    going = await house.database.hot.fetchrow("SELECT * FROM ticket WHERE id = $1", UUID(still))
    assert ended is not None
    assert going is not None
    assert ended["description"].startswith("[đã xoá")
    assert (ended["lat"], ended["address"], ended["rating_comment"]) == (None, "", None)
    assert (ended["answer"], ended["rating"], ended["area_code"]) == ("Đã sửa xong trong đêm.", "satisfied", "00070")
    assert going["description"] == "Tôi là […], gọi […] hoặc […]."
    assert going["lat"] is not None


@pytest.mark.usefixtures("worker")
async def test_an_open_case_is_emptied_when_it_has_ended(
    make: Make, citizen: Resident, officer: Officer, house: House
) -> None:
    picture = await make.photo(citizen)
    ticket = await make.ticket(citizen, photo_ids=[picture])
    request = await closing(citizen)
    await closed(house, request["id"])
    await until(lambda: waits(house, request["id"]))
    assert (await officer.get(f"/v1/officer/tickets/{ticket['id']}"))["description"] == ticket["description"]
    await make.answered(officer, ticket)
    held = await officer.call("GET", f"/v1/officer/tickets/{ticket['id']}", status=200)
    await due(house, CLOSE_JOB.name, request_id=request["id"])

    async def emptied() -> bool:
        return (await officer.get(f"/v1/officer/tickets/{ticket['id']}"))["description"].startswith("[đã xoá")

    await until(emptied)
    stale = {"If-None-Match": held.headers["etag"]}
    await officer.call("GET", f"/v1/officer/tickets/{ticket['id']}", status=200, headers=stale)
    path = photos.path_of(house.settings.uploads, UUID(picture))
    assert not path.exists()
    assert (await officer.get(f"/v1/officer/photos/{picture}", status=404))["code"] == "no-such-photo"

    async def over() -> bool:
        return not await waits(house, request["id"])

    await until(over)
    told = await house.database.hot.fetchval(
        "SELECT count(*) FROM message m JOIN data_request r USING (account_id) WHERE r.id = $1", UUID(request["id"])
    )
    assert told == 0, "nobody is there to be told"


async def test_what_is_left_is_looked_at_again_once_however_often_the_job_runs(
    make: Make, citizen: Resident, house: House
) -> None:
    await make.ticket(citizen, photo_ids=[await make.photo(citizen)])
    request = await closing(citizen)
    await age(house, request["id"], timedelta(days=8))
    await taken(house, request["id"])
    await run_again(house, request["id"])
    assert await queued(house, CLOSE_JOB.name, request_id=request["id"]) == 1


async def waits(house: House, request_id: str) -> bool:
    return bool(await queued(house, CLOSE_JOB.name, request_id=request_id))


@pytest.mark.usefixtures("worker")
async def test_the_same_phone_begins_anew(
    make: Make, house: House, outside: httpx2.AsyncClient, new_phone: Callable[[], str]
) -> None:
    phone, citizen = new_phone(), make.resident()
    await citizen.sign_in_by_phone(phone)
    first, old = await account_of(citizen), citizen.refresh_token
    ticket = await make.ticket(citizen)
    request = await closing(citizen)
    await closed(house, request["id"])
    await citizen.get("/v1/citizen/me", status=401)
    await citizen.post("/v1/public/session-refreshes", {"refresh_token": old}, status=401)
    again = make.resident()
    await again.post("/v1/public/phone-codes", {"phone": phone}, status=202)
    newest = (await eventually(outside, "/sms/messages", {"to": phone}, least=2))[0]
    again.keep(await again.post("/v1/public/sessions", {"phone": phone, "code": newest["text"][:6]}))
    assert await account_of(again) != first
    assert (await again.get("/v1/citizen/tickets"))["items"] == []
    await again.get(f"/v1/citizen/tickets/{ticket['id']}", status=404)
    assert (await again.get(REQUESTS))["items"] == []


async def test_it_may_run_twice_and_at_once_and_die_between_its_beats(
    make: Make, citizen: Resident, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await account_of(citizen)
    picture = await make.photo(citizen)
    made = await closing(citizen)
    await age(house, made["id"], timedelta(days=8))
    run = Run(new_id(), 1, {"request_id": made["id"]})
    async with open_context(house.settings) as context:

        def dies(*_: Any) -> None:
            raise OSError("the disk is away")

        with monkeypatch.context() as broken:
            broken.setattr(photos, "remove", dies)
            with pytest.raises(OSError, match="away"):
                await WORKERS[CLOSE_JOB.name](context, run)
        assert await state_of(house, account) == "closed"
        assert photos.path_of(house.settings.uploads, UUID(picture)).exists()
        await asyncio.gather(*(WORKERS[CLOSE_JOB.name](context, run) for _ in range(2)))
        await WORKERS[CLOSE_JOB.name](context, run)
    assert not photos.path_of(house.settings.uploads, UUID(picture)).exists()
    row = await house.database.hot.fetchrow("SELECT full_name, eid_subject FROM account WHERE id = $1", account)
    assert row is not None
    assert (row["full_name"], row["eid_subject"]) == ("", None)
    events = await house.database.hot.fetch(
        "SELECT what FROM data_request_event WHERE request_id = $1 ORDER BY id", UUID(made["id"])
    )
    assert [event["what"] for event in events] == ["filed", "acknowledged", "completed"]


async def test_the_history_of_a_ticket_is_touched_for_closed_accounts_only(
    make: Make, citizen: Resident, officer: Officer, house: House
) -> None:
    ticket = await make.ticket(citizen)
    await make.answered(officer, ticket)
    rating = {"rating": "satisfied", "comment": "Cảm ơn các anh chị."}
    await citizen.post(f"/v1/citizen/tickets/{ticket['id']}/ratings", rating)
    await house.database.hot.execute("SELECT ticket_history_forget($1, 'n')", await account_of(citizen))
    notes = [one["note"] for one in await citizen.get(f"/v1/citizen/tickets/{ticket['id']}/events")]
    assert rating["comment"] in notes
