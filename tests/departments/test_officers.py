"""Officers come in by the staff provider with two factors, and go out; what they may do is read anew each time."""

import json
from typing import Any

import pytest

from app.core.house import House
from app.core.ids import new_id
from app.core.sessions import Session
from app.departments.models import Officer as OfficerRow
from sandbox.phone import Officer
from tests.make import EVERYWHERE, Make

KNOWN = "officer-0042"


@pytest.fixture(scope="module")
async def known(make: Make, house: House) -> str:
    """An officer that the provider and the city know: handler of Sở Xây dựng and dispatcher of HSDC."""
    officer = await make.officer_with(
        ("handler", "SO-XD", None), ("dispatcher", "HSDC", None), unit="SO-XD", name="Lê Minh Hà"
    )
    async with house.database.transaction() as db:
        row = await db.get_one(OfficerRow, officer.id)
        row.issuer, row.subject = house.settings.staff.issuer, KNOWN
    return KNOWN


async def come_back(officer: Officer, person: str, status: int, **said: Any) -> Any:
    """A sign-in in which the provider says this of the person."""
    begun = await officer.post("/v1/public/officer-sign-ins")
    back = await officer.choose(begun["url"], person, lie=json.dumps(said))
    return await officer.post("/v1/public/officer-sessions", back, status=status)


async def test_an_officer_signs_in_and_sees_each_role_with_its_place_and_acts(make: Make, known: str) -> None:
    officer = make.staff()
    await officer.sign_in(known)
    me = await officer.get("/v1/officer/me")
    assert me["full_name"] == "Lê Minh Hà"
    assert me["unit"] == {"code": "SO-XD", "name_vi": "Sở Xây dựng", "name_en": "Department of Construction"}
    held = {grant["role"]["code"]: grant for grant in me["grants"]}
    assert held["handler"]["department"]["code"] == "SO-XD"
    assert held["handler"]["role"] == {"code": "handler", "name_vi": "Cán bộ xử lý", "name_en": "Handler"}
    assert "ticket.answer" in held["handler"]["acts"]
    assert held["dispatcher"]["department"]["code"] == "HSDC"
    assert "ticket.answer" not in held["dispatcher"]["acts"]
    assert {"ticket.answer", "ticket.accept"} <= set(me["acts"])


@pytest.mark.parametrize(
    "amr",
    [
        None,
        [],
        ["pwd"],
        ["otp"],
        ["face", "fpt"],
        ["hwk", "otp"],
        ["pwd", "sms"],
        ["pwd", "pin"],
        ["pwd", None, 7],
        "otp pwd mfa",
        {"mfa": True},
        True,
        [["mfa"]],
    ],
)
async def test_what_says_no_two_factors_is_refused(make: Make, known: str, house: House, amr: object) -> None:
    officer = make.staff()
    sessions = "SELECT count(*) FROM session WHERE audience = 'officer'"
    before = await house.database.hot.fetchval(sessions)
    assert (await come_back(officer, known, 403, amr=amr))["code"] == "second-factor-needed"
    assert await house.database.hot.fetchval(sessions) == before


@pytest.mark.parametrize("amr", [["pwd", "otp"], ["mfa"], ["hwk", "pin"], ["fpt", "swk"], ["pwd", "hwk", "unknown"]])
async def test_two_factors_of_different_kinds_are_enough(make: Make, known: str, amr: list[str]) -> None:
    officer = make.staff()
    officer.keep(await come_back(officer, known, 201, amr=amr))
    await officer.get("/v1/officer/me")


async def test_what_else_the_provider_said_is_kept_if_it_makes_sense(make: Make, known: str, house: House) -> None:
    officer = make.staff()
    tokens = await come_back(officer, known, 201, acr="LoA-staff", auth_time=1_790_000_000)
    odd = await come_back(officer, known, 201, acr=["x"])
    async with house.database.transaction() as db:
        kept = (await db.get_one(Session, tokens["session_id"])).facts
        assert kept == {"amr": ["pwd", "otp"], "acr": "LoA-staff", "auth_time": 1_790_000_000}
        assert "acr" not in (await db.get_one(Session, odd["session_id"])).facts
    assert (await come_back(officer, known, 400, auth_time="yesterday"))["code"] == "sign-in-refused"


async def test_one_factor_is_not_enough(make: Make, known: str) -> None:
    officer = make.staff()
    begun = await officer.post("/v1/public/officer-sign-ins")
    back = await officer.choose(begun["url"], known, one_factor="1")
    assert (await officer.post("/v1/public/officer-sessions", back, status=403))["code"] == "second-factor-needed"


async def test_somebody_the_provider_knows_and_the_city_does_not_is_no_officer(make: Make) -> None:
    assert (await come_back(make.staff(), "officer-0059", 403))["code"] == "not-an-officer"


async def test_a_role_of_the_past_or_the_future_allows_nothing_now(make: Make, house: House) -> None:
    officer = await make.officer_with(unit="SO-XD")
    insert = (
        "INSERT INTO officer_grant (id, officer_id, role_code, department_code, starts_at, until, granted_at, reason)"
        " VALUES ($1, $2, $3, 'SO-XD', now() + $4 * interval '1 minute', now() + $5 * interval '1 minute', now(), 'x')"
    )
    await house.database.hot.execute(insert, new_id(), officer.id, "handler", -60, -1)
    await house.database.hot.execute(insert, new_id(), officer.id, "leader", 5, 60)
    body = {"refresh_token": officer.refresh_token}
    tokens = await officer.post("/v1/public/officer-session-refreshes", body)
    officer.keep(tokens)
    me = await officer.get("/v1/officer/me")
    assert [grant["role"]["code"] for grant in me["grants"]] == ["leader"]
    assert me["acts"] == []
    assert tokens["expires_in"] <= 300, "the token ends when the role begins"
    assert (await officer.get("/v1/officer/tickets"))["items"] == []


async def test_an_officer_who_left_cannot_refresh(make: Make, house: House) -> None:
    officer = await make.officer("SO-XD")
    await house.database.hot.execute("UPDATE officer SET active = false WHERE id = $1", officer.id)
    body = {"refresh_token": officer.refresh_token}
    await officer.post("/v1/public/officer-session-refreshes", body, status=401)


async def test_a_sign_in_of_an_officer_is_on_the_trail_with_its_methods(make: Make, known: str, house: House) -> None:
    officer: Officer = make.staff()
    tokens = await come_back(officer, known, 201)
    entry = await house.database.hot.fetchrow(
        "SELECT unit, facts FROM audit_entry WHERE action = 'officer.signed-in' AND subject_id = $1",
        tokens["session_id"],
    )
    assert entry is not None
    assert entry["unit"] == "SO-XD"
    assert entry["facts"]["amr"] == ["pwd", "otp"]


async def test_an_officer_signs_out(make: Make) -> None:
    officer = await make.officer("SO-XD")
    assert len(await officer.get("/v1/officer/sessions")) == 1
    await officer.call("DELETE", "/v1/officer/sessions/current", status=204)
    await officer.get("/v1/officer/me", status=401)


async def test_an_officer_ends_another_session_of_their_own_and_nobody_elses(make: Make, known: str) -> None:
    here, there, stranger = make.staff(), make.staff(), await make.officer("SO-XD")
    tokens = await come_back(there, known, 201)
    there.keep(tokens)
    here.keep(await come_back(here, known, 201))
    path = f"/v1/officer/sessions/{tokens['session_id']}"
    assert (await stranger.call("DELETE", path, status=404)).json()["code"] == "no-such-session"
    await there.get("/v1/officer/me")
    await here.call("DELETE", path, status=204)
    await there.get("/v1/officer/me", status=401)
    assert (await here.call("DELETE", path, status=404)).json()["code"] == "no-such-session"


async def test_an_officer_signs_out_everywhere_else(make: Make, known: str) -> None:
    here, there = make.staff(), make.staff()
    for one in (here, there):
        one.keep(await come_back(one, known, 201))
    await here.call("DELETE", "/v1/officer/sessions?keep_current=true", status=204)
    await there.get("/v1/officer/me", status=401)
    (left,) = await here.get("/v1/officer/sessions")
    assert left["current"]
    await here.call("DELETE", "/v1/officer/sessions", status=204)
    await here.get("/v1/officer/me", status=401)


async def test_a_token_of_another_release_is_refreshed_and_breaks_nothing(make: Make, house: House) -> None:
    officer = await make.officer("SO-XD")
    claims = {"sub": str(officer.id), "sid": str(officer.session_id), "departments": ["SO-XD"], "acts": ["ticket.see"]}
    officer.token = house.keys.issue(claims, "officer", 600)
    assert (await officer.get("/v1/officer/me", status=401))["code"] == "sign-in-needed"


async def test_the_roles_with_their_acts_are_there_for_every_officer(make: Make) -> None:
    officer = await make.officer(EVERYWHERE, role="auditor")
    roles = {one["code"]: one for one in await officer.get("/v1/officer/roles")}
    assert set(roles) == {
        "dispatcher",
        "handler",
        "leader",
        "coordinator",
        "auditor",
        "administrator",
        "data-protection",
    }
    assert roles["administrator"]["name_vi"] == "Quản trị viên"
    assert "officer.manage" in roles["administrator"]["acts"]


async def test_a_return_from_another_provider_is_refused(make: Make, known: str) -> None:
    officer = make.staff()
    begun = await officer.post("/v1/public/officer-sign-ins")
    back = await officer.choose(begun["url"], known) | {"iss": "https://elsewhere.example"}
    assert (await officer.post("/v1/public/officer-sessions", back, status=400))["code"] == "sign-in-refused"
