"""An identity suspended at the eID opens nothing here: told by a signal, or found by asking again."""

import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from app.core import outbox
from app.core.house import House
from app.signals.rules import RECHECK_JOB
from sandbox.eid import RISC
from sandbox.phone import Resident, eventually, moments
from tests.credentials.eid import envelope, person, signed
from tests.make import Make

NewPhone = Callable[[], str]


class Somebody:
    """With two sessions: one that the eID opened, one by a code to the phone."""

    def __init__(self, make: Make, who: str, phone: str) -> None:
        self.who, self.phone = who, phone
        self.by_eid, self.by_phone = make.resident(), make.resident()

    async def come_in(self) -> "Somebody":
        await self.by_phone.sign_in_by_phone(self.phone)
        begun = await self.by_phone.post("/v1/citizen/eid-link-begins", {"level": 2})
        back = await self.by_phone.choose(begun["url"], self.who)
        self.by_eid.keep(await self.by_phone.post("/v1/citizen/eid-links", back))
        await self.sign_in_by_code(self.by_phone, 2, 201)
        return self

    async def sign_in_by_code(self, client: Resident, least: int, status: int) -> dict[str, Any]:
        """With the newest of so many codes."""
        await client.post("/v1/public/phone-codes", {"phone": self.phone}, status=202)
        found = await eventually(client.outside, "/sms/messages", {"to": self.phone}, least=least)
        body = {"phone": self.phone, "code": found[0]["text"][:6]}
        answer = await client.post("/v1/public/sessions", body, status=status)
        if status == 201:
            client.keep(answer)
        return answer

    async def is_out(self) -> bool:
        """Whether both access tokens are refused."""
        answers = [
            await one.api.get("/v1/citizen/me", headers={"Authorization": f"Bearer {one.token}"})
            for one in (self.by_eid, self.by_phone)
        ]
        return all(answer.status_code == 401 for answer in answers)

    async def cannot_refresh(self) -> None:
        for one in (self.by_eid, self.by_phone):
            body = {"refresh_token": one.refresh_token}
            assert (await one.post("/v1/public/session-refreshes", body, status=401))["code"] == "refresh-refused"


@pytest.fixture
async def somebody(make: Make, new_phone: NewPhone, worker: None, outside: httpx2.AsyncClient) -> Somebody:
    return await Somebody(make, person(next(_people)), new_phone()).come_in()


_people = iter(range(4101, 4999, 4))


async def test_a_suspension_that_the_eid_tells_us_of_ends_every_session_at_once(
    make: Make, somebody: Somebody, reached: None, outside: httpx2.AsyncClient, house: House
) -> None:
    began = time.monotonic()
    sent = (await outside.post(f"/identities/{somebody.who}/suspensions")).json()
    assert (sent["kind"], sent["status"]) == ("account-disabled", 202)
    assert await somebody.is_out()
    assert time.monotonic() - began < 5
    await somebody.cannot_refresh()
    await _shut_until_a_good_sign_in(make, somebody, outside, tell=True)
    said = await house.database.hot.fetch(
        "SELECT e.action FROM audit_entry e JOIN account a ON a.id = e.account_id WHERE a.eid_subject = $1 ORDER BY e.id",
        somebody.who,
    )
    told = [row["action"] for row in said if row["action"].startswith(("eid-account", "state"))]
    assert told == ["eid-account-disabled", "state-changed", "eid-account-enabled", "state-changed"]


async def test_a_suspension_of_which_nobody_tells_us_is_found_by_asking_again(
    make: Make, somebody: Somebody, outside: httpx2.AsyncClient, house: House
) -> None:
    """The clock starts this job every 15 seconds; here it is started at once, nobody else is due, and how long it takes is
    measured."""
    everybody_else = "UPDATE account SET eid_checked_at = now() + interval '1 hour' WHERE eid_subject <> $1"
    await house.database.hot.execute(everybody_else, somebody.who)
    assert (await outside.post(f"/identities/{somebody.who}/suspensions", params={"tell": "false"})).json() is None
    began = time.monotonic()
    async with house.database.transaction() as db:
        outbox.put(db, RECHECK_JOB)
    async for _ in moments(60):
        if await somebody.is_out():
            break
    assert await somebody.is_out()
    assert time.monotonic() - began < 60
    await somebody.cannot_refresh()
    assert (await outside.get("/identities/signals", params={"subject": somebody.who})).json() == []
    await _shut_until_a_good_sign_in(make, somebody, outside, tell=False)


async def _shut_until_a_good_sign_in(
    make: Make, somebody: Somebody, outside: httpx2.AsyncClient, *, tell: bool
) -> None:
    """Neither phone nor eID opens the account; when the identity is good again, the eID does, and then the phone."""
    client = make.resident()
    refused = await somebody.sign_in_by_code(client, 3, 403)
    assert (refused["code"], refused["params"]) == ("account-shut", {"state": "suspended"})
    begun = await client.post("/v1/public/eid-sign-ins", {"level": 2})
    assert "code" not in await client.choose(begun["url"], somebody.who)
    await outside.post(f"/identities/{somebody.who}/reinstatements", params={"tell": str(tell).lower()})
    assert await somebody.is_out()
    await client.sign_in_by_eid(somebody.who)
    account = await client.get("/v1/citizen/me")
    assert (account["state"], account["level"]) == ("active", 2)


async def push(api: httpx2.AsyncClient, token: str) -> httpx2.Response:
    return await api.post("/v1/public/eid-events", content=token, headers={"Content-Type": "application/secevent+jwt"})


def named(house: House, who: str) -> dict[str, str]:
    return {"format": "iss_sub", "iss": house.settings.eid.issuer, "sub": who}


async def state_of(house: House, who: str) -> str:
    return await house.database.hot.fetchval("SELECT state FROM account WHERE eid_subject = $1", who)


@pytest.mark.parametrize("where", ["sub_id", "subject", "sub"])
async def test_an_event_names_its_person_in_each_of_the_ways_of_the_standards_and_works_once(
    make: Make, house: House, api: httpx2.AsyncClient, outside: httpx2.AsyncClient, where: str
) -> None:
    resident, who = make.resident(), person(next(_people))
    await resident.sign_in_by_eid(who)
    event = {"subject": named(house, who) | {"subject_type": "iss-sub"}} if where == "subject" else {}
    claims = envelope(house, exp=None, events={RISC + "account-disabled": event})
    claims |= {"sub_id": named(house, who)} if where == "sub_id" else {"sub": who} if where == "sub" else {}
    token = await signed(outside, claims, "secevent+jwt")
    answer = await push(api, token)
    assert (answer.status_code, answer.content, answer.headers["cache-control"]) == (202, b"", "no-store")
    assert await state_of(house, who) == "suspended"
    await resident.get("/v1/citizen/me", status=401)
    await resident.sign_in_by_eid(who)
    assert (await push(api, token)).status_code == 202
    assert await state_of(house, who) == "active"
    await resident.get("/v1/citizen/me")


async def test_an_event_older_than_the_eids_last_word_is_no_news(
    make: Make, house: House, api: httpx2.AsyncClient, outside: httpx2.AsyncClient
) -> None:
    resident, who = make.resident(), person(next(_people))
    await resident.sign_in_by_eid(who)
    late = envelope(house, exp=None, iat=int(time.time()) - 3600)
    late |= {"sub_id": named(house, who), "events": {RISC + "account-disabled": {}}}
    assert (await push(api, await signed(outside, late, "secevent+jwt"))).status_code == 202
    assert await state_of(house, who) == "active"
    await resident.get("/v1/citizen/me")


async def test_what_we_do_not_act_on_and_whom_we_do_not_know_is_taken(
    house: House, api: httpx2.AsyncClient, outside: httpx2.AsyncClient
) -> None:
    unknown = {"sub_id": named(house, "nobody-we-know"), "events": {RISC + "account-disabled": {}}}
    other = {"events": {RISC + "credential-compromise": {"subject": {"format": "opaque", "id": "x"}}}}
    for said in (unknown, other):
        token = await signed(outside, envelope(house, exp=None) | said, "secevent+jwt")
        assert (await push(api, token)).status_code == 202


BAD: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "an id token": ({}, "JWT", "", "typ"),
    "a logout token": ({}, "logout+jwt", "", "typ"),
    "another's": ({"aud": ["another-client"]}, "secevent+jwt", "", "aud"),
    "another provider's": ({"iss": "https://another-provider.example"}, "secevent+jwt", "", "iss"),
    "too old": ({"iat": 1_700_000_000}, "secevent+jwt", "", "iat"),
    "of the future": ({"iat": 4_000_000_000}, "secevent+jwt", "", "iat"),
    "over": ({"exp": 1_700_000_000}, "secevent+jwt", "", "exp"),
    "without an id": ({"jti": None}, "secevent+jwt", "", "jti"),
    "without events": ({"events": {}}, "secevent+jwt", "", "events"),
    "of nobody": ({"sub_id": None}, "secevent+jwt", "", "subject"),
    "of another issuer's person": (
        {"sub_id": {"format": "iss_sub", "iss": "https://other.example", "sub": "resident-4001"}},
        "secevent+jwt",
        "",
        "subject",
    ),
    "signed by a stranger": ({}, "secevent+jwt", "stranger", "key"),
    "signed by an impostor": ({}, "secevent+jwt", "impostor", "signature"),
    "not signed": ({}, "secevent+jwt", "none", "token"),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_event_is_refused_and_suspends_nobody(
    make: Make, house: House, api: httpx2.AsyncClient, outside: httpx2.AsyncClient, name: str
) -> None:
    resident, who = make.resident(), person(4097)
    await resident.sign_in_by_eid(who)
    changed, typ, by, reason = BAD[name]
    said = {"exp": None, "sub_id": named(house, who), "events": {RISC + "account-disabled": {}}}
    answer = await push(api, await signed(outside, envelope(house, **(said | changed)), typ, by))
    assert (answer.status_code, answer.json()["code"]) == (400, "signal-refused")
    assert answer.json()["params"]["reason"] == reason
    assert await state_of(house, who) == "active"
    await resident.get("/v1/citizen/me")


async def test_what_is_no_event_is_refused(api: httpx2.AsyncClient) -> None:
    for body in ("", "x", "a.b.c", "é" * 10, "x" * 30_000):
        assert (await push(api, body)).json()["code"] == "signal-refused"


async def test_the_page_of_the_sandbox_has_buttons_that_work(outside: httpx2.AsyncClient) -> None:
    browser = {"Accept": "text/html"}
    pressed = await outside.post("/identities/resident-0040/suspensions?tell=false", headers=browser)
    assert (pressed.status_code, pressed.headers["location"]) == (303, "/identities")
    assert "đang tạm khoá" in (await outside.get("/identities")).text
    await outside.post("/identities/resident-0040/reinstatements?tell=false", headers=browser)
    assert "đang tạm khoá" not in (await outside.get("/identities")).text
