"""Administrators: they make officers, give and take away roles, let in and keep out, within what they administer."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from app.core.house import House
from app.core.ids import new_id
from app.departments import rules
from sandbox.phone import Officer, Resident, moments
from tests.make import EVERYWHERE, Make

OFFICERS = "/v1/officer/officers"
WHY = {"reason": "Quyết định phân công số 12/QĐ"}
_subjects = iter(range(1000, 60_000))


def new_officer(**changed: Any) -> dict[str, Any]:
    body = {"subject": f"officer-{next(_subjects)}", "full_name": "Phạm Thu Hà", "department_code": "SO-XD"}
    return body | WHY | changed


def role(code: str, **changed: Any) -> dict[str, Any]:
    return {"role_code": code} | WHY | changed


async def refreshed(officer: Officer) -> None:
    body = {"refresh_token": officer.refresh_token}
    officer.keep(await officer.post("/v1/public/officer-session-refreshes", body))


async def entries(house: House, officer_id: str) -> list[Any]:
    return await house.database.hot.fetch(
        "SELECT action, reason, actor_id, unit, facts FROM audit_entry WHERE subject_kind = 'officer' AND subject_id = $1"
        " ORDER BY id",
        str(officer_id),
    )


@pytest.fixture
async def administrator(make: Make) -> Officer:
    """Of the whole city."""
    return await make.officer(EVERYWHERE, role="administrator")


@pytest.fixture
async def of_a_unit(make: Make) -> Officer:
    """Administrator of Sở Xây dựng."""
    return await make.officer("SO-XD", role="administrator")


async def test_a_new_officer_is_made_granted_a_role_and_works(
    make: Make, administrator: Officer, citizen: Resident, house: House
) -> None:
    ticket = await make.ticket(citizen)
    body = new_officer()
    made = await administrator.call("POST", OFFICERS, json=body, status=201)
    officer_id = made.json()["id"]
    assert made.headers["location"] == f"{OFFICERS}/{officer_id}"
    shown = await administrator.post(f"{OFFICERS}/{officer_id}/grants", role("handler", department_code="SO-XD"))
    (grant,) = shown["grants"]
    assert (grant["role"]["code"], grant["department"]["code"], grant["until"]) == ("handler", "SO-XD", None)
    assert grant["granted_by"] == str(administrator.id)
    officer = make.staff()
    await officer.sign_in(body["subject"])
    await officer.get(f"/v1/officer/tickets/{ticket['id']}")
    first, second = await entries(house, officer_id)
    assert (first["action"], second["action"]) == ("officer.made", "officer.granted")
    assert first["reason"] == second["reason"] == WHY["reason"]
    assert second["actor_id"] == administrator.id
    assert second["facts"]["role"] == "handler"
    assert second["facts"]["department"] == "SO-XD"


async def test_a_subject_is_made_an_officer_once(administrator: Officer) -> None:
    body = new_officer()
    first = await administrator.post(OFFICERS, body, key="o1")
    again = await administrator.call("POST", OFFICERS, json=body, key="o1", status=201)
    assert again.json() == first
    assert again.headers["idempotency-replayed"] == "true"
    problem = await administrator.post(OFFICERS, body, status=409)
    assert (problem["code"], problem["params"]["subject"]) == ("officer-exists", body["subject"])


async def test_of_two_who_make_the_same_officer_at_once_one_does(administrator: Officer, of_a_unit: Officer) -> None:
    body = new_officer()

    async def make_one(who: Officer) -> int:
        headers = {"Authorization": f"Bearer {who.token}", "Idempotency-Key": '"twice"'}
        return (await who.api.post(OFFICERS, json=body, headers=headers)).status_code

    assert sorted(await asyncio.gather(make_one(administrator), make_one(of_a_unit))) == [201, 409]


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"reason": "   "}, 422, "reason-needed"),
        ({"reason": ".."}, 422, "reason-needed"),
        ({"reason": "x" * 301}, 400, "invalid-input"),
        ({"reason": None}, 400, "invalid-input"),
        ({"department_code": "NOWHERE"}, 422, "no-such-place"),
        ({"subject": "two words"}, 400, "invalid-input"),
        ({"full_name": " "}, 400, "invalid-input"),
    ],
)
async def test_a_new_officer_that_makes_no_sense_is_refused(
    administrator: Officer, house: House, changed: dict[str, Any], status: int, code: str
) -> None:
    body = new_officer(**changed)
    assert (await administrator.post(OFFICERS, body, status=status))["code"] == code
    kept = "SELECT count(*) FROM officer WHERE subject = $1"
    assert await house.database.hot.fetchval(kept, body["subject"]) == 0


PAST = (datetime.now(UTC) - timedelta(days=1)).isoformat()
SOON, LATER = ((datetime.now(UTC) + timedelta(days=days)).isoformat() for days in (1, 9))


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"role_code": "king"}, 422, "no-such-role"),
        ({"department_code": "NOWHERE"}, 422, "no-such-place"),
        ({"department_code": None, "area_code": "99999"}, 422, "no-such-place"),
        ({"area_code": "00070"}, 422, "no-such-place"),
        ({"until": PAST}, 422, "bad-period"),
        ({"starts_at": LATER, "until": SOON}, 422, "bad-period"),
        ({"until": "2030-01-01T00:00:00"}, 400, "invalid-input"),
        ({"reason": " \t "}, 422, "reason-needed"),
        ({"reason": None}, 400, "invalid-input"),
    ],
)
async def test_a_role_that_makes_no_sense_is_not_granted(
    make: Make, administrator: Officer, changed: dict[str, Any], status: int, code: str
) -> None:
    officer = await make.officer_with(unit="SO-XD")
    body = role("handler", department_code="SO-XD") | changed
    path = f"{OFFICERS}/{officer.id}"
    assert (await administrator.post(f"{path}/grants", body, status=status))["code"] == code
    assert (await administrator.get(path))["grants"] == []


async def test_a_role_is_held_in_a_place_once_at_a_time(make: Make, administrator: Officer) -> None:
    officer = await make.officer_with(unit="SO-XD")
    path = f"{OFFICERS}/{officer.id}/grants"
    await administrator.post(path, role("handler", department_code="SO-XD"))
    refused = await administrator.post(path, role("handler", department_code="SO-XD", until=SOON), status=409)
    assert refused["code"] == "already-granted"
    await administrator.post(path, role("handler", area_code="00070"))
    await administrator.post(path, role("handler"))
    assert (await administrator.post(path, role("handler"), status=409))["code"] == "already-granted"


async def test_a_role_whose_time_is_over_can_be_granted_anew(make: Make, administrator: Officer, house: House) -> None:
    officer = await make.officer_with(unit="SO-XD")
    await house.database.hot.execute(
        "INSERT INTO officer_grant (id, officer_id, role_code, department_code, starts_at, until, granted_at, reason)"
        " VALUES ($1, $2, 'handler', 'SO-XD', now() - interval '2 d', now() - interval '1 d', now(), 'x')",
        new_id(),
        officer.id,
    )
    path = f"{OFFICERS}/{officer.id}/grants"
    shown = await administrator.post(path, role("handler", department_code="SO-XD", until=SOON))
    new, old = shown["grants"]
    assert new["ended_at"] is None
    assert (old["end_reason"], old["ended_at"]) == ("until", old["until"])
    assert (await administrator.post(f"{path}/{old['id']}/ends", WHY, status=404))["code"] == "no-such-grant"


async def test_there_are_so_many_roles_and_no_more(make: Make, administrator: Officer, house: House) -> None:
    officer = await make.officer_with(unit="SO-XD")
    await house.database.hot.execute(
        "INSERT INTO officer_grant (id, officer_id, role_code, department_code, starts_at, granted_at, reason)"
        " SELECT gen_random_uuid(), $1, 'handler', code, now(), now(), 'x' FROM department WHERE code <> 'SO-XD' LIMIT $2",
        officer.id,
        rules.GRANTS_MAX,
    )
    path = f"{OFFICERS}/{officer.id}/grants"
    problem = await administrator.post(path, role("handler", department_code="SO-XD"), status=409)
    assert (problem["code"], problem["params"]["most"]) == ("too-many-grants", rules.GRANTS_MAX)
    await refreshed(officer)
    await officer.get("/v1/officer/me")


async def test_a_role_given_holds_from_the_next_refresh_which_is_asked_for_at_once(
    make: Make, administrator: Officer, citizen: Resident
) -> None:
    ticket = await make.ticket(citizen)
    officer = await make.officer_with(unit="SO-XD")
    await officer.get(f"/v1/officer/tickets/{ticket['id']}", status=404)
    await administrator.post(f"{OFFICERS}/{officer.id}/grants", role("handler", department_code="SO-XD"))
    await officer.get(f"/v1/officer/tickets/{ticket['id']}", status=401)
    await refreshed(officer)
    await officer.get(f"/v1/officer/tickets/{ticket['id']}")


async def test_a_role_taken_away_is_gone_in_the_next_request_and_stays_in_the_history(
    make: Make, administrator: Officer, citizen: Resident, house: House
) -> None:
    ticket = await make.ticket(citizen)
    officer = await make.officer_with(("handler", "SO-XD", None), ("dispatcher", None, "00004"), unit="SO-XD")
    await officer.get(f"/v1/officer/tickets/{ticket['id']}")
    path = f"{OFFICERS}/{officer.id}"
    held = {one["role"]["code"]: one["id"] for one in (await administrator.get(path))["grants"]}
    end = f"{path}/grants/{held['handler']}/ends"
    assert (await administrator.post(end, {"reason": "\u00a0\u00a0"}, status=422))["code"] == "reason-needed"
    await officer.get(f"/v1/officer/tickets/{ticket['id']}")
    await administrator.post(end, WHY)
    assert (await officer.get(f"/v1/officer/tickets/{ticket['id']}", status=401))["code"] == "sign-in-needed"
    await refreshed(officer)
    await officer.get(f"/v1/officer/tickets/{ticket['id']}", status=404)
    assert [one["role"]["code"] for one in (await officer.get("/v1/officer/me"))["grants"]] == ["dispatcher"]
    shown = {one["id"]: one for one in (await administrator.get(path))["grants"]}
    ended = shown[held["handler"]]
    assert (ended["ended_by"], ended["end_reason"]) == (str(administrator.id), WHY["reason"])
    assert ended["ended_at"]
    assert (await administrator.post(end, WHY, status=404))["code"] == "no-such-grant"
    assert [one["action"] for one in await entries(house, officer.id)] == ["officer.grant-ended"]


async def test_a_role_taken_away_is_refused_by_the_other_processes_too(
    make: Make, administrator: Officer, house: House
) -> None:
    officer = await make.officer("SO-XD")
    (held,) = (await administrator.get(f"{OFFICERS}/{officer.id}"))["grants"]
    await administrator.post(f"{OFFICERS}/{officer.id}/grants/{held['id']}/ends", WHY)
    told = await house.database.hot.fetchrow("SELECT * FROM revocation WHERE session_id = $1", officer.session_id)
    assert told is not None
    assert told["before"] <= datetime.now(UTC), "renewed, not ended: the session goes on"
    await refreshed(officer)


async def test_the_history_of_roles_is_neither_deleted_nor_rewritten(make: Make, house: House) -> None:
    officer = await make.officer("SO-XD")
    for statement in (
        "DELETE FROM officer_grant WHERE officer_id = $1",
        "UPDATE officer_grant SET role_code = 'leader' WHERE officer_id = $1",
        "UPDATE officer_grant SET until = now() WHERE officer_id = $1",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await house.database.hot.execute(statement, officer.id)


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


async def test_a_unit_does_not_keep_out_who_administers_more_than_it(make: Make, of_a_unit: Officer) -> None:
    higher = await make.officer_with(("administrator", None, None), unit="SO-XD")
    for act in ("deactivations", "reactivations"):
        assert (await of_a_unit.post(f"{OFFICERS}/{higher.id}/{act}", WHY, status=403))["code"] == "not-allowed"
    await higher.get("/v1/officer/me")


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


async def test_a_refresh_while_a_role_is_taken_away_waits_and_comes_without_it(make: Make, house: House) -> None:
    officer = await make.officer("SO-XD")
    body = {"refresh_token": officer.refresh_token}
    async with house.database.transaction() as db:
        await db.execute(text("SELECT FROM officer WHERE id = :id FOR NO KEY UPDATE"), {"id": officer.id})
        refresh = asyncio.create_task(officer.post("/v1/public/officer-session-refreshes", body))
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        async for _ in moments(5):
            if refresh.done() or await house.database.hot.fetchval(waiting):
                break
        assert not refresh.done()
        await db.execute(
            text("UPDATE officer_grant SET ended_at = now(), end_reason = 'x' WHERE officer_id = :id"),
            {"id": officer.id},
        )
    officer.keep(await refresh)
    assert (await officer.get("/v1/officer/me"))["acts"] == []


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
