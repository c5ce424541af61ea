"""Officers come in by the staff provider with two factors; roles are data."""

from datetime import UTC, datetime

import pytest

from app.core.house import House
from app.core.ids import new_id
from app.departments.models import Officer as OfficerRow
from app.departments.models import OfficerRole
from sandbox.phone import Officer
from tests.make import Make


@pytest.fixture(scope="module")
async def known(house: House) -> str:
    """An officer that the provider and the city know: handler of Sở Xây dựng and dispatcher of HSDC."""
    officer_id = new_id()
    async with house.database.transaction() as db:
        row = OfficerRow(
            id=officer_id, issuer=house.settings.staff.issuer, subject="officer-0042", full_name="Lê Minh Hà"
        )
        row.active, row.created_at = True, datetime.now(UTC)
        db.add(row)
        await db.flush()
        db.add(OfficerRole(officer_id=officer_id, role_code="handler", department_code="SO-XD"))
        db.add(OfficerRole(officer_id=officer_id, role_code="dispatcher", department_code="HSDC"))
    return "officer-0042"


async def test_an_officer_signs_in_and_sees_roles_and_acts(make: Make, known: str) -> None:
    officer = make.staff()
    await officer.sign_in(known)
    me = await officer.get("/v1/officer/me")
    assert me["full_name"] == "Lê Minh Hà"
    assert {(role["code"], role["department_code"]) for role in me["roles"]} == {
        ("handler", "SO-XD"),
        ("dispatcher", "HSDC"),
    }
    assert set(me["acts"]) == {"ticket.accept", "ticket.reject", "ticket.handle", "ticket.answer"}


async def test_one_factor_is_not_enough(make: Make, known: str) -> None:
    officer = make.staff()
    begun = await officer.post("/v1/public/officer-sign-ins")
    back = await officer.choose(begun["url"], known, one_factor="1")
    assert (await officer.post("/v1/public/officer-sessions", back, status=403))["code"] == "second-factor-needed"


async def test_somebody_the_provider_knows_and_the_city_does_not_is_no_officer(make: Make) -> None:
    officer = make.staff()
    begun = await officer.post("/v1/public/officer-sign-ins")
    back = await officer.choose(begun["url"], "officer-0059")
    assert (await officer.post("/v1/public/officer-sessions", back, status=403))["code"] == "not-an-officer"


async def test_a_role_taken_away_is_gone_at_the_next_refresh(make: Make, known: str, house: House) -> None:
    officer = make.staff()
    await officer.sign_in(known)
    await house.database.hot.execute(
        "DELETE FROM officer_role WHERE department_code = 'HSDC' AND role_code = 'dispatcher'"
    )
    body = {"refresh_token": officer.refresh_token}
    officer.keep(await officer.post("/v1/public/officer-session-refreshes", body))
    assert {role["department_code"] for role in (await officer.get("/v1/officer/me"))["roles"]} == {"SO-XD"}


async def test_an_officer_who_left_cannot_refresh(make: Make, house: House) -> None:
    officer = await make.officer("SO-XD")
    await house.database.hot.execute(
        "UPDATE officer SET active = false WHERE id = (SELECT subject_id FROM session WHERE id = $1)",
        officer.session_id,
    )
    body = {"refresh_token": officer.refresh_token}
    await officer.post("/v1/public/officer-session-refreshes", body, status=401)


async def test_a_sign_in_of_an_officer_is_on_the_trail(make: Make, known: str, house: House) -> None:
    before = await house.database.hot.fetchval("SELECT count(*) FROM audit_entry WHERE action = 'officer.signed-in'")
    officer: Officer = make.staff()
    await officer.sign_in(known)
    after = await house.database.hot.fetchval("SELECT count(*) FROM audit_entry WHERE action = 'officer.signed-in'")
    assert after == before + 1


async def test_an_officer_signs_out(make: Make) -> None:
    officer = await make.officer("SO-XD")
    assert len(await officer.get("/v1/officer/sessions")) == 1
    await officer.call("DELETE", "/v1/officer/sessions/current", status=204)
    await officer.get("/v1/officer/me", status=401)
