"""Sessions: rotating refresh tokens, sign-out, theft."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx2
import pytest
from msgspec import structs

from app.core import revocations
from app.core.auth import Auth
from app.core.errors import SignInNeeded
from app.core.house import House
from app.core.sessions import TOLERANCE, Session
from app.core.settings import Settings
from app.main.composition import create_app
from app.main.house import open_house
from sandbox.phone import Resident, eventually, moments
from tests.make import Make


async def test_a_refresh_gives_new_tokens(make: Make, citizen: Resident) -> None:
    old = citizen.refresh_token
    citizen.keep(await citizen.post("/v1/public/session-refreshes", {"refresh_token": old}))
    assert citizen.refresh_token != old
    await citizen.get("/v1/citizen/me")


async def test_a_double_tap_gives_the_same_successor(citizen: Resident) -> None:
    body = {"refresh_token": citizen.refresh_token}
    first, second = await asyncio.gather(*(citizen.post("/v1/public/session-refreshes", body) for _ in range(2)))
    assert first["refresh_token"] == second["refresh_token"]
    await citizen.post("/v1/public/session-refreshes", {"refresh_token": first["refresh_token"]})


async def test_an_old_refresh_token_used_later_ends_the_session(citizen: Resident, house: House) -> None:
    stolen = citizen.refresh_token
    citizen.keep(await citizen.post("/v1/public/session-refreshes", {"refresh_token": stolen}))
    async with house.database.transaction() as db:
        row = await db.get_one(Session, citizen.session_id)
        row.rotated_at -= TOLERANCE + timedelta(seconds=1)
    refused = await citizen.post("/v1/public/session-refreshes", {"refresh_token": stolen}, status=401)
    assert refused["code"] == "refresh-refused"
    newest = {"refresh_token": citizen.refresh_token}
    assert (await citizen.post("/v1/public/session-refreshes", newest, status=401))["code"] == "refresh-refused"
    assert (await citizen.get("/v1/citizen/me", status=401))["code"] == "sign-in-needed"


async def test_nonsense_is_refused(citizen: Resident) -> None:
    other_secret = f"{UUID(str(citizen.session_id)).hex}.wrong-secret"
    for token in ("nonsense-nonsense", other_secret, f"{UUID(int=7).hex}.x"):
        await citizen.post("/v1/public/session-refreshes", {"refresh_token": token}, status=401)
    await citizen.get("/v1/citizen/me")


async def test_an_officers_refresh_token_is_nothing_at_the_citizens_door(make: Make) -> None:
    officer = await make.officer("SO-XD")
    body = {"refresh_token": officer.refresh_token}
    await officer.post("/v1/public/session-refreshes", body, status=401)
    await officer.post("/v1/public/officer-session-refreshes", body)


async def test_a_sign_out_ends_the_tokens_at_once(citizen: Resident) -> None:
    await citizen.get("/v1/citizen/me")
    await citizen.call("DELETE", "/v1/citizen/sessions/current", status=204)
    answer = await citizen.call("GET", "/v1/citizen/me", status=401)
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_one_sees_ones_sessions_and_ends_another(make: Make, citizen: Resident) -> None:
    (only,) = await citizen.get("/v1/citizen/sessions")
    assert only["current"]
    stranger = await make.citizen()
    problem = await stranger.call("DELETE", f"/v1/citizen/sessions/{only['id']}", status=404)
    assert problem.json()["code"] == "no-such-session"
    await citizen.call("DELETE", f"/v1/citizen/sessions/{only['id']}", status=204)
    await citizen.get("/v1/citizen/me", status=401)


async def test_a_sign_out_reaches_other_processes(make: Make, citizen: Resident, house: House) -> None:
    elsewhere = Auth(house.keys)
    header = f"Bearer {citizen.token}".encode()
    elsewhere.check(header, "citizen")
    await citizen.call("DELETE", "/v1/citizen/sessions/current", status=204)
    polling = asyncio.create_task(revocations.poll(house.database, elsewhere, 0.01))
    refused = False
    async for _ in moments(5):
        try:
            elsewhere.check(header, "citizen")
        except SignInNeeded:
            refused = True
            break
    polling.cancel()
    assert refused


REFRESHES = "/v1/public/session-refreshes"


async def later(house: House, citizen: Resident) -> None:
    """The last refresh was longer ago than two taps can be apart."""
    async with house.database.transaction() as db:
        row = await db.get_one(Session, citizen.session_id)
        row.rotated_at -= TOLERANCE + timedelta(seconds=1)


async def test_two_refreshes_at_once_kill_nobody_and_a_replay_later_does(citizen: Resident, house: House) -> None:
    body = {"refresh_token": citizen.refresh_token}
    first, second = await asyncio.gather(*(citizen.post(REFRESHES, body) for _ in range(2)))
    assert first["refresh_token"] == second["refresh_token"]
    citizen.keep(first)
    await citizen.get("/v1/citizen/me")
    await later(house, citizen)
    assert (await citizen.post(REFRESHES, body, status=401))["code"] == "refresh-refused"
    assert (await citizen.get("/v1/citizen/me", status=401))["code"] == "sign-in-needed"


async def test_a_token_of_many_refreshes_ago_ends_the_session_too(citizen: Resident, house: House) -> None:
    stolen = {"refresh_token": citizen.refresh_token}
    for _ in range(3):
        citizen.keep(await citizen.post(REFRESHES, {"refresh_token": citizen.refresh_token}))
    await citizen.post(REFRESHES, stolen, status=401)
    await citizen.get("/v1/citizen/me")  # a late third tap is no theft
    await later(house, citizen)
    await citizen.post(REFRESHES, stolen, status=401)
    await citizen.post(REFRESHES, {"refresh_token": citizen.refresh_token}, status=401)
    await citizen.get("/v1/citizen/me", status=401)


async def test_a_secret_that_somebody_made_up_ends_nothing(citizen: Resident, house: House) -> None:
    await later(house, citizen)
    head, _, tag = citizen.refresh_token.rpartition(".")
    for made_up in (f"{head[:-1]}x.{tag}", f"{head}.{tag[:-1]}", f"{head}.", f"{head.partition('.')[0]}.é.é"):
        await citizen.post(REFRESHES, {"refresh_token": made_up}, status=401)
    await citizen.post(REFRESHES, {"refresh_token": citizen.refresh_token})


async def test_the_resident_is_told_of_a_theft(
    make: Make, citizen: Resident, house: House, outside: httpx2.AsyncClient, worker: None
) -> None:
    ring, stolen = await citizen.get_phone(), {"refresh_token": citizen.refresh_token}
    citizen.keep(await citizen.post(REFRESHES, stolen))
    await later(house, citizen)
    for _ in range(2):
        await citizen.post(REFRESHES, stolen, status=401)
    (push,) = await eventually(outside, f"/phones/{ring}/messages")
    assert push["notification"]["title"] == "Phiên đăng nhập đã bị kết thúc để bảo vệ bạn"
    told = await house.database.hot.fetchval(
        "SELECT count(*) FROM message JOIN session ON session.subject_id = account_id WHERE session.id = $1",
        citizen.session_id,
    )
    assert told == 1


async def test_the_list_says_how_and_when_each_session_was_used(make: Make, citizen: Resident, house: House) -> None:
    before = (await citizen.get("/v1/citizen/sessions"))[0]
    assert (before["device_name"], before["methods"], before["level"], before["current"]) == ("test", ["eid"], 0, True)
    citizen.keep(await citizen.post(REFRESHES, {"refresh_token": citizen.refresh_token}))
    (after,) = await citizen.get("/v1/citizen/sessions")
    assert after["last_used_at"] > before["last_used_at"]
    assert after["created_at"] == before["created_at"]


@asynccontextmanager
async def another_process(settings: Settings) -> AsyncGenerator[httpx2.AsyncClient]:
    """The API once more, with a memory of its own."""
    async with open_house(settings) as house, create_app(house) as app:
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://khue") as client:
            yield client


@pytest.mark.parametrize(
    ("redis", "poll_s"), [("", 3600.0), ("redis://127.0.0.1:9/0", 0.05)], ids=["told by Redis", "read without Redis"]
)
async def test_the_token_of_a_session_that_ended_is_refused_in_every_process(
    make: Make, citizen: Resident, settings: Settings, redis: str, poll_s: float
) -> None:
    tokens = structs.replace(settings.tokens, revocation_poll_s=poll_s)
    changed = structs.replace(settings, tokens=tokens, redis_url=redis or settings.redis_url)
    elsewhere_header = {"Authorization": f"Bearer {citizen.token}"}
    async with another_process(changed) as elsewhere:
        await ready(make, elsewhere, citizen)
        await citizen.call("DELETE", "/v1/citizen/sessions/current", status=204)
        assert (await citizen.get("/v1/citizen/me", status=401))["code"] == "sign-in-needed"
        async for _ in moments(5):
            answer = await elsewhere.get("/v1/citizen/me", headers=elsewhere_header)
            if answer.status_code == 401:
                break
        assert answer.json()["code"] == "sign-in-needed"


async def ready(make: Make, elsewhere: httpx2.AsyncClient, citizen: Resident) -> None:
    """The token is known there, and the process hears of other sessions that end."""
    headers = [{"Authorization": f"Bearer {citizen.token}"}]
    assert (await elsewhere.get("/v1/citizen/me", headers=headers[0])).status_code == 200
    async for _ in moments(5):
        other = await make.citizen()
        await other.call("DELETE", "/v1/citizen/sessions/current", status=204)
        headers.append({"Authorization": f"Bearer {other.token}"})
        answers = [(await elsewhere.get("/v1/citizen/me", headers=one)).status_code for one in headers]
        assert answers[0] == 200
        if 401 in answers:
            return
    raise AssertionError("the other process hears nothing")


@pytest.mark.parametrize("keep", [True, False])
async def test_a_sign_out_everywhere_ends_all_sessions_or_all_others(
    make: Make,
    citizen: Resident,
    keep: bool,  # noqa: FBT001
) -> None:
    account_id = UUID((await citizen.get("/v1/citizen/me"))["id"])
    others = [await make.session(account_id) for _ in range(2)]
    assert len(await citizen.get("/v1/citizen/sessions")) == 3
    await citizen.call("DELETE", "/v1/citizen/sessions", params={"keep_current": keep}, status=204)
    for other in others:
        await other.get("/v1/citizen/me", status=401)
        await other.post(REFRESHES, {"refresh_token": other.refresh_token}, status=401)
    await citizen.get("/v1/citizen/me", status=200 if keep else 401)


async def test_the_phones_that_ring_show_their_last_use(make: Make, citizen: Resident) -> None:
    await citizen.get_phone("mine")
    (first,) = await citizen.get("/v1/citizen/devices")
    assert first["current"]
    citizen.keep(await citizen.post(REFRESHES, {"refresh_token": citizen.refresh_token}))
    (then,) = await citizen.get("/v1/citizen/devices")
    assert then["last_used_at"] > first["last_used_at"]


async def test_the_history_shows_each_sign_in_newest_first_and_page_by_page(make: Make, citizen: Resident) -> None:
    resident, stranger = make.resident(), citizen
    for level in (1, 2, 1):
        await resident.sign_in_by_eid("resident-0701", level=level)
    seen: list[dict[str, object]] = []
    cursor = ""
    for _ in range(5):
        page = await resident.get(f"/v1/citizen/me/sign-ins?limit=2{cursor}")
        seen += page["items"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert [one["level"] for one in seen] == [1, 2, 1]
    assert {(one["kind"], one["method"]) for one in seen} == {("signed-in", "eid")}
    assert all(one["address"] == "127.0.0.1" for one in seen)
    assert datetime.fromisoformat(str(seen[0]["at"])) > datetime.now(UTC) - timedelta(minutes=1)
    current = [one["id"] for one in await resident.get("/v1/citizen/sessions") if one["current"]]
    assert [seen[0]["session_id"]] == current
    assert (await stranger.get("/v1/citizen/me/sign-ins"))["items"] == []
    assert (await resident.get("/v1/citizen/me/sign-ins?cursor=x", status=400))["code"] == "bad-cursor"


async def test_the_history_is_read_by_its_index(house: House, citizen: Resident) -> None:
    plan = await house.database.hot.fetch(
        "EXPLAIN SELECT id FROM audit_entry WHERE account_id = $1::uuid AND action IN ('signed-in', 'proved-again') "
        "ORDER BY id DESC LIMIT 21",
        UUID(int=0),
    )
    assert any("audit_entry_sign_in_idx" in row[0] for row in plan)
