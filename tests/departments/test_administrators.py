"""Who administers what: a unit, an area, the city; never oneself, and never nobody."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from app.core.house import House
from app.core.ids import new_id
from app.departments import officers
from sandbox.phone import Officer, moments
from tests.departments.administration import (
    LATER,
    OFFICERS,
    WHY,
    entries,
    new_officer,
    refreshed,
    role,
    until_somebody_waits,
)
from tests.make import EVERYWHERE, Make


async def test_nobody_gives_or_takes_their_own(administrator: Officer) -> None:
    path = f"{OFFICERS}/{administrator.id}"
    (held,) = (await administrator.get(path))["grants"]
    for act, body in (
        ("grants", role("auditor")),
        (f"grants/{held['id']}/ends", WHY),
        ("deactivations", WHY),
        ("reactivations", WHY),
    ):
        assert (await administrator.post(f"{path}/{act}", body, status=403))["code"] == "not-oneself"
    assert [one["ended_at"] for one in (await administrator.get(path))["grants"]] == [None]


async def test_an_officer_kept_out_is_out_in_the_next_request_until_let_in_again(
    make: Make, administrator: Officer, house: House
) -> None:
    body = new_officer()
    officer_id = (await administrator.post(OFFICERS, body))["id"]
    officer = make.staff()
    await officer.sign_in(body["subject"])
    path = f"{OFFICERS}/{officer_id}"
    assert (await administrator.post(f"{path}/deactivations", {"reason": "  "}, status=422))["code"] == "reason-needed"
    await officer.get("/v1/officer/me")
    assert not (await administrator.post(f"{path}/deactivations", WHY))["active"]
    assert (await officer.get("/v1/officer/me", status=401))["code"] == "sign-in-needed"
    refresh = {"refresh_token": officer.refresh_token}
    await officer.post("/v1/public/officer-session-refreshes", refresh, status=401)
    begun = await officer.post("/v1/public/officer-sign-ins")
    back = await officer.choose(begun["url"], body["subject"])
    assert (await officer.post("/v1/public/officer-sessions", back, status=403))["code"] == "not-an-officer"
    await administrator.post(f"{path}/deactivations", WHY)
    assert (await administrator.post(f"{path}/reactivations", WHY))["active"]
    await officer.post("/v1/public/officer-session-refreshes", refresh, status=401)
    await officer.sign_in(body["subject"])
    said = [one["action"] for one in await entries(house, officer_id)]
    assert said == ["officer.made", "officer.deactivated", "officer.reactivated"]


async def test_the_administrator_of_a_unit_manages_it_and_no_other(make: Make, of_a_unit: Officer) -> None:
    mine = (await of_a_unit.post(OFFICERS, new_officer()))["id"]
    assert (await of_a_unit.post(OFFICERS, new_officer(department_code="HSDC"), status=403))["code"] == "not-allowed"
    await of_a_unit.post(f"{OFFICERS}/{mine}/grants", role("leader", department_code="SO-XD"))
    for place in ({"department_code": "HSDC"}, {"area_code": "00070"}, {}):
        problem = await of_a_unit.post(f"{OFFICERS}/{mine}/grants", role("handler", **place), status=403)
        assert (problem["code"], problem["params"]["act"]) == ("not-allowed", "officer.manage")
    await of_a_unit.post(f"{OFFICERS}/{mine}/deactivations", WHY)
    theirs = await make.officer("HSDC")
    (held,) = (await theirs.get("/v1/officer/me"))["grants"]
    path = f"{OFFICERS}/{theirs.id}"
    assert (await of_a_unit.get(path, status=404))["code"] == "no-such-officer"
    for act, body in (
        ("grants", role("handler", department_code="SO-XD")),
        (f"grants/{held['id']}/ends", WHY),
        ("deactivations", WHY),
        ("reactivations", WHY),
    ):
        assert (await of_a_unit.post(f"{path}/{act}", body, status=404))["code"] == "no-such-officer"
    await theirs.get("/v1/officer/me")


async def test_of_somebody_in_two_units_each_administrator_has_a_part(make: Make, of_a_unit: Officer) -> None:
    both = await make.officer_with(("handler", "SO-XD", None), ("handler", "HSDC", None), unit="HSDC")
    path = f"{OFFICERS}/{both.id}"
    held = {one["department"]["code"]: one["id"] for one in (await of_a_unit.get(path))["grants"]}
    for act in (f"grants/{held['HSDC']}/ends", "deactivations"):
        assert (await of_a_unit.post(f"{path}/{act}", WHY, status=403))["code"] == "not-allowed"
    await of_a_unit.post(f"{path}/grants/{held['SO-XD']}/ends", WHY)
    await of_a_unit.get(path, status=404)


@pytest.mark.parametrize(
    "beyond",
    [("administrator", None, None), ("auditor", None, None), ("handler", "HSDC", None), ("dispatcher", None, "00070")],
)
async def test_a_unit_does_not_keep_out_who_has_a_role_beyond_it(
    make: Make, administrator: Officer, of_a_unit: Officer, beyond: tuple[str, str | None, str | None]
) -> None:
    higher = await make.officer_with(("handler", "SO-XD", None), beyond, unit="SO-XD")
    path = f"{OFFICERS}/{higher.id}"
    for act in ("deactivations", "reactivations"):
        assert (await of_a_unit.post(f"{path}/{act}", WHY, status=403))["code"] == "not-allowed"
    await higher.get("/v1/officer/me")
    await administrator.post(f"{path}/deactivations", WHY)
    assert (await of_a_unit.post(f"{path}/reactivations", WHY, status=403))["code"] == "not-allowed"


async def test_who_was_kept_out_from_higher_up_is_let_in_from_there(make: Make, administrator: Officer) -> None:
    of_the_area = await make.officer_with(("administrator", None, "00070"), unit="UBND-00070")
    of_the_unit = await make.officer("UBND-00070", role="administrator")
    officer = await make.officer_with(("handler", "UBND-00070", None), unit="UBND-00070")
    path = f"{OFFICERS}/{officer.id}"
    narrow_first = [of_the_unit, of_the_area, administrator]
    for rank, who in enumerate(narrow_first):
        await who.post(f"{path}/deactivations", WHY)
        for narrower in narrow_first[:rank]:
            await narrower.post(f"{path}/deactivations", WHY)
            assert (await narrower.post(f"{path}/reactivations", WHY, status=403))["code"] == "not-allowed"
        for one in (who, *narrow_first[rank + 1 :]):
            assert (await one.post(f"{path}/reactivations", WHY))["active"]
            await who.post(f"{path}/deactivations", WHY)


async def test_what_a_unit_said_holds_from_higher_up_once_it_is_said_there(
    make: Make, administrator: Officer, of_a_unit: Officer, house: House
) -> None:
    officer = await make.officer("SO-XD")
    path = f"{OFFICERS}/{officer.id}"
    for who in (of_a_unit, administrator, administrator):
        await who.post(f"{path}/deactivations", WHY)
    assert (await of_a_unit.post(f"{path}/reactivations", WHY, status=403))["code"] == "not-allowed"
    assert [one["actor_id"] for one in await entries(house, str(officer.id))] == [of_a_unit.id, administrator.id]
    assert (await administrator.post(f"{path}/reactivations", WHY))["active"]


async def test_if_it_is_not_known_who_kept_an_officer_out_the_city_lets_them_in(
    make: Make, administrator: Officer, of_a_unit: Officer, house: House
) -> None:
    officer = await make.officer("SO-XD")
    await house.database.hot.execute("UPDATE officer SET active = false WHERE id = $1", officer.id)
    path = f"{OFFICERS}/{officer.id}/reactivations"
    assert (await of_a_unit.post(path, WHY, status=403))["code"] == "not-allowed"
    assert (await administrator.post(path, WHY))["active"]


async def test_the_administrator_of_an_area_manages_its_units(make: Make) -> None:
    ward = await make.officer_with(("administrator", None, "00070"), unit="UBND-00070")
    mine = (await ward.post(OFFICERS, new_officer(department_code="UBND-00070")))["id"]
    await ward.post(f"{OFFICERS}/{mine}/grants", role("handler", department_code="UBND-00070"))
    await ward.post(f"{OFFICERS}/{mine}/grants", role("dispatcher", area_code="00070"))
    for place in ({"department_code": "SO-XD"}, {"area_code": "00004"}, {"department_code": "UBND-00004"}, {}):
        await ward.post(f"{OFFICERS}/{mine}/grants", role("handler", **place), status=403)


async def test_who_administers_nothing_gets_nowhere(make: Make) -> None:
    leader = await make.officer("SO-XD", role="leader")
    other = await make.officer("SO-XD")
    path = f"{OFFICERS}/{other.id}"
    for address in (OFFICERS, path):
        assert (await leader.get(address, status=403))["params"]["act"] == "officer.manage"
    await leader.post(OFFICERS, new_officer(), status=403)
    for act in ("grants", f"grants/{new_id()}/ends", "deactivations", "reactivations"):
        await leader.post(f"{path}/{act}", role("handler", department_code="SO-XD"), status=403)


async def test_an_administrator_who_is_none_any_more_does_nothing_more(make: Make, administrator: Officer) -> None:
    second = await make.officer(EVERYWHERE, role="administrator")
    (held,) = (await administrator.get(f"{OFFICERS}/{second.id}"))["grants"]
    await administrator.post(f"{OFFICERS}/{second.id}/grants/{held['id']}/ends", WHY)
    await second.post(OFFICERS, new_officer(), status=401)
    await refreshed(second)
    await second.post(OFFICERS, new_officer(), status=403)


async def only(house: House, *officers: Officer) -> None:
    """From now on nobody else administers the city for good."""
    await house.database.hot.execute(
        "UPDATE officer_grant SET ended_at = now(), end_reason = 'x' WHERE role_code = 'administrator'"
        " AND ended_at IS NULL AND until IS NULL AND officer_id <> ALL($1)",
        [one.id for one in officers],
    )


async def test_the_last_administrator_of_the_city_stays(make: Make, administrator: Officer, house: House) -> None:
    helper = await make.officer_with(unit="TTPVHCC")
    await administrator.post(f"{OFFICERS}/{helper.id}/grants", role("administrator", until=LATER))
    await refreshed(helper)
    await only(house, administrator)
    path = f"{OFFICERS}/{administrator.id}"
    (held,) = (await helper.get(path))["grants"]
    for act in (f"grants/{held['id']}/ends", "deactivations"):
        assert (await helper.post(f"{path}/{act}", WHY, status=409))["code"] == "last-administrator"
    kept_out = await make.officer(EVERYWHERE, role="administrator")
    await helper.post(f"{OFFICERS}/{kept_out.id}/deactivations", WHY)
    assert (await helper.post(f"{path}/deactivations", WHY, status=409))["code"] == "last-administrator"
    await administrator.get("/v1/officer/me")
    await helper.post(f"{OFFICERS}/{kept_out.id}/reactivations", WHY)
    await helper.post(f"{path}/deactivations", WHY)


async def test_of_two_last_administrators_who_remove_each_other_one_stays(make: Make, house: House) -> None:
    pair = [await make.officer(EVERYWHERE, role="administrator") for _ in range(2)]
    await only(house, *pair)
    paths = [f"{OFFICERS}/{one.id}/grants/{(await one.get('/v1/officer/me'))['grants'][0]['id']}/ends" for one in pair]

    async def remove(who: Officer, path: str) -> int:
        headers = {"Authorization": f"Bearer {who.token}", "Idempotency-Key": '"race"'}
        return (await who.api.post(path, json=WHY, headers=headers)).status_code

    answers = await asyncio.gather(remove(pair[0], paths[1]), remove(pair[1], paths[0]))
    assert sorted(answers)[0] == 201
    assert sorted(answers)[1] in (401, 409)
    left = await house.database.hot.fetchval(
        "SELECT count(*) FROM officer_grant WHERE role_code = 'administrator' AND ended_at IS NULL AND until IS NULL"
        " AND officer_id = ANY($1)",
        [one.id for one in pair],
    )
    assert left == 1


async def test_who_removes_the_last_but_one_waits_for_who_removes_another(make: Make, house: House) -> None:
    first, second = [await make.officer(EVERYWHERE, role="administrator") for _ in range(2)]
    await only(house, first, second)
    (held,) = (await first.get("/v1/officer/me"))["grants"]
    path = f"{OFFICERS}/{first.id}/grants/{held['id']}/ends"
    async with house.database.transaction() as db:
        await db.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": officers.ADMINISTRATORS})
        removal = asyncio.create_task(second.post(path, WHY, status=409))
        await until_somebody_waits(house, removal)
        ended = "UPDATE officer_grant SET ended_at = now(), end_reason = 'x' WHERE officer_id = :id"
        await db.execute(text(ended), {"id": second.id})
    assert (await removal)["code"] == "last-administrator"


async def test_officers_are_found_by_name_subject_unit_and_whether_they_are_active(
    make: Make, administrator: Officer, of_a_unit: Officer
) -> None:
    name = f"Đặng Ngọc Ánh {new_id().hex[-8:]}"
    body = new_officer(full_name=name)
    officer_id = (await administrator.post(OFFICERS, body))["id"]
    elsewhere = (await administrator.post(OFFICERS, new_officer(full_name=name, department_code="HSDC")))["id"]

    async def found(who: Officer, query: str) -> set[str]:
        return {one["id"] for one in (await who.get(f"{OFFICERS}?{query}"))["items"]}

    plain = name.replace("Đặng Ngọc Ánh", "dang ngoc anh")
    assert await found(administrator, f"q={plain}") == {officer_id, elsewhere}
    assert await found(of_a_unit, f"q={plain}") == {officer_id}
    assert await found(administrator, f"q={plain}&department=HSDC") == {elsewhere}
    assert await found(administrator, f"q={body['subject']}") == {officer_id}
    assert await found(administrator, f"q={plain}&active=false") == set()
    await administrator.post(f"{OFFICERS}/{elsewhere}/deactivations", WHY)
    assert await found(administrator, f"q={plain}&active=false") == {elsewhere}
    assert await found(administrator, "q=100%25") == set()
    for query in ("q=x", "limit=0", "limit=101", "active=perhaps"):
        assert (await administrator.get(f"{OFFICERS}?{query}", status=400))["code"] == "invalid-input"
    assert (await administrator.get(f"{OFFICERS}?cursor=nonsense", status=400))["code"] == "bad-cursor"


async def test_a_walk_over_the_officers_sees_each_once_by_name(administrator: Officer, house: House) -> None:
    word = new_id().hex[-8:]
    for number in range(5):
        await administrator.post(OFFICERS, new_officer(full_name=f"Cán bộ {word} {number % 2}"))
    seen: list[dict[str, Any]] = []
    cursor = ""
    async for _ in moments(10):
        page = await administrator.get(f"{OFFICERS}?q={word}&limit=2{cursor}")
        seen += page["items"]
        if not page.get("next"):
            break
        cursor = f"&cursor={page['next']}"
    assert len({one["id"] for one in seen}) == len(seen) == 5
    assert [one["full_name"] for one in seen] == sorted(one["full_name"] for one in seen)
