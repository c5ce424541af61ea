"""Sessions: rotating refresh tokens, sign-out, theft."""

import asyncio
from datetime import timedelta
from uuid import UUID

from app.core import revocations
from app.core.auth import Auth
from app.core.errors import SignInNeeded
from app.core.house import House
from app.core.sessions import TOLERANCE, Session
from sandbox.phone import Resident, moments
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
