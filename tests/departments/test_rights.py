"""A right in one unit is none in another; a role by area covers what lies there, whatever the unit."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.core.auth import claims_of, principal_of
from app.core.house import House
from app.core.principals import Grant, Officer, Where
from app.departments import rules
from app.departments.rules import Held
from sandbox.phone import Resident, moments
from tests.make import EVERYWHERE, Make

ELSEWHERE = {"lat": 21.0386, "lon": 105.838, "area_code": "00004"}


async def test_who_leads_one_unit_only_handles_in_another(make: Make, citizen: Resident) -> None:
    officer = await make.officer_with(("handler", "SO-XD", None), ("dispatcher", "HAPULICO", None))
    here, there = await make.ticket(citizen), await make.ticket(citizen, category_code="HT-CSA")
    assert (here["unit"]["code"], there["unit"]["code"]) == ("SO-XD", "HAPULICO")
    for ticket in (here, there):
        await make.moved(officer, ticket, "accepted")
    await make.moved(officer, here, "in_progress")
    problem = await make.act(officer, there, "moves", {"to": "in_progress"}, status=403)
    assert (problem["code"], problem["params"]["act"]) == ("not-allowed", "ticket.handle")
    proof = await make.photo(officer, "officer")
    body = {"text": "Đã sửa xong trong đêm.", "photo_ids": [proof]}
    assert (await make.act(officer, there, "answers", body, status=403))["code"] == "not-allowed"
    await make.act(officer, here, "answers", body)


async def test_a_role_by_area_covers_what_lies_there_of_whatever_unit(make: Make, citizen: Resident) -> None:
    officer = await make.officer_with(("handler", None, "00070"), unit="UBND-00070")
    road, waste = await make.ticket(citizen), await make.ticket(citizen, category_code="MT-RAC")
    away = await make.ticket(citizen, place=ELSEWHERE)
    assert road["unit"]["code"] == away["unit"]["code"] == "SO-XD"
    inbox = {one["id"] for one in (await officer.get("/v1/officer/tickets?limit=100"))["items"]}
    assert {road["id"], waste["id"]} <= inbox
    assert away["id"] not in inbox
    await make.answered(officer, road)
    for path in ("", "/events", "/deadline"):
        problem = await officer.get(f"/v1/officer/tickets/{away['id']}{path}", status=404)
        assert problem["code"] == "no-such-ticket"
    move = await officer.call(
        "POST",
        f"/v1/officer/tickets/{away['id']}/moves",
        json={"to": "accepted"},
        headers={"If-Match": "*"},
        status=404,
    )
    assert move.json()["code"] == "no-such-ticket"


async def test_the_photos_of_another_area_are_not_there(make: Make, citizen: Resident) -> None:
    photo, far = await make.photo(citizen), await make.photo(citizen)
    await make.ticket(citizen, photo_ids=[photo])
    await make.ticket(citizen, photo_ids=[far], place=ELSEWHERE)
    officer = await make.officer_with(("dispatcher", None, "00070"))
    await officer.call("GET", f"/v1/officer/photos/{photo}", status=200)
    await officer.call("GET", f"/v1/officer/photos/{far}", status=404)


async def test_a_walk_over_units_and_areas_sees_each_ticket_once(make: Make, citizen: Resident) -> None:
    officer = await make.officer_with(
        ("handler", "SO-XD", None), ("handler", "HAPULICO", None), ("dispatcher", None, "00070")
    )
    filed = {(await make.ticket(citizen, category_code=code))["id"] for code in ("GT-OGM", "HT-CSA", "MT-RAC")}
    filed.add((await make.ticket(citizen, place=ELSEWHERE))["id"])
    seen: list[str] = []
    cursor = ""
    while True:
        page = await officer.get(f"/v1/officer/tickets?limit=20{cursor}")
        seen += [one["id"] for one in page["items"]]
        if not page.get("next"):
            break
        cursor = f"&cursor={page['next']}"
    assert filed <= set(seen)
    assert len(seen) == len(set(seen))


async def test_who_has_no_right_to_see_tickets_sees_none(make: Make, citizen: Resident) -> None:
    ticket = await make.ticket(citizen)
    administrator = await make.officer(EVERYWHERE, role="administrator")
    await administrator.get(f"/v1/officer/tickets/{ticket['id']}", status=404)
    assert (await administrator.get("/v1/officer/tickets"))["items"] == []


async def test_a_role_that_ends_by_itself_ends_with_the_token(make: Make, citizen: Resident, house: House) -> None:
    ticket = await make.ticket(citizen)
    officer = await make.officer_with(("handler", "SO-XD", None))
    administrator = await make.officer(EVERYWHERE, role="administrator")
    until = (datetime.now(UTC) + timedelta(seconds=1.5)).isoformat()
    body = {"role_code": "handler", "department_code": "HAPULICO", "until": until, "reason": "Tăng cường đêm mưa"}
    await administrator.post(f"/v1/officer/officers/{officer.id}/grants", body)
    other = await make.ticket(citizen, category_code="HT-CSA")
    officer.keep(await officer.post("/v1/public/officer-session-refreshes", {"refresh_token": officer.refresh_token}))
    refused = False
    async for _ in moments(4):
        refused = (
            await officer.api.get("/v1/officer/me", headers={"Authorization": f"Bearer {officer.token}"})
        ).is_error
        if refused:
            break
    assert refused
    async for _ in moments(4):
        body = {"refresh_token": officer.refresh_token}
        officer.keep(await officer.post("/v1/public/officer-session-refreshes", body))
        answer = await officer.api.get(
            f"/v1/officer/tickets/{other['id']}", headers={"Authorization": f"Bearer {officer.token}"}
        )
        if answer.status_code == 404:
            break
    assert answer.status_code == 404
    await officer.get(f"/v1/officer/tickets/{ticket['id']}")


@pytest.mark.parametrize(
    ("role", "path"),
    [("leader", "/v1/officer/account-lookups"), ("auditor", "/v1/officer/trail"), ("administrator", None)],
)
async def test_what_belongs_to_no_unit_is_not_allowed_by_a_role_in_one(make: Make, role: str, path: str | None) -> None:
    inside = await make.officer_with((role, "SO-XD", None), (role, None, "00070"))
    acts = (await inside.get("/v1/officer/me"))["acts"]
    assert not [act for act in acts if act.startswith(("account.", "trail."))]
    if path:
        method = "POST" if path.endswith("lookups") else "GET"
        problem = (await inside.call(method, path, json={"phone": "0912345678"}, status=403)).json()
        assert problem["code"] == "not-allowed"
    over_all = await make.officer_with((role, None, None))
    assert [act for act in (await over_all.get("/v1/officer/me"))["acts"] if act.startswith(("account.", "trail."))]


@pytest.mark.parametrize(
    ("department", "area", "allowed"),
    [
        ("A", None, True),
        ("B", None, False),
        ("B", "1", True),
        ("B", "2", False),
        (None, "1", True),
        (None, None, False),
    ],
)
def test_a_right_is_asked_for_with_its_place(department: str | None, area: str | None, *, allowed: bool) -> None:
    grants = rules.grants_of(
        [
            Held(frozenset({"lead", "account.open"}), "A", None),
            Held(frozenset({"lead"}), None, "1"),
            Held(frozenset({"see"}), None, None),
        ]
    )
    officer = Officer(*[UUID(int=1)] * 2, "A", grants)
    assert officer.may("lead", department=department, area=area) is allowed
    assert officer.may("see", department=department, area=area)
    assert not officer.may("account.open", department=department, area=area)
    assert officer.acts == {"lead", "see"}


def test_fifty_roles_fit_into_a_small_token(house: House) -> None:
    acts = frozenset(f"ticket.{word}" for word in ("see", "accept", "reject", "handle", "answer", "sender"))
    where = Where(frozenset(f"UBND-{number:05d}" for number in range(rules.GRANTS_MAX)), frozenset({"00070"}), False)
    me = UUID(int=1)
    officer = Officer(me, me, "TTPVHCC", (Grant(acts, where), Grant(frozenset({"officer.manage"}), Where(city=True))))
    token = house.keys.issue(claims_of(officer), "officer", 600)
    assert len(token) < 2_000
    assert principal_of(house.keys.verify(token, "officer"), "officer") == officer
