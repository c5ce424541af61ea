"""Officers are made, roles given and taken away: what makes sense, once, with a reason, and at once."""

import asyncio
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from app.core import revocations
from app.core.auth import Auth
from app.core.errors import SignInNeeded
from app.core.house import House
from app.core.ids import new_id
from app.core.principals import Officer as Principal
from app.departments import rules
from sandbox.phone import Officer, Resident, moments
from tests.departments.administration import (
    LATER,
    OFFICERS,
    PAST,
    SOON,
    WHY,
    entries,
    new_officer,
    refreshed,
    role,
    until_somebody_waits,
)
from tests.make import Make


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
    elsewhere = Auth(house.keys)
    before = f"Bearer {officer.token}".encode()
    elsewhere.check(before, "officer")
    (held,) = (await administrator.get(f"{OFFICERS}/{officer.id}"))["grants"]
    await administrator.post(f"{OFFICERS}/{officer.id}/grants/{held['id']}/ends", WHY)
    polling = asyncio.create_task(revocations.poll(house.database, elsewhere, 0.01))
    refused = False
    async for _ in moments(5):
        try:
            elsewhere.check(before, "officer")
        except SignInNeeded:
            refused = True
            break
    assert refused
    await refreshed(officer)
    renewed = elsewhere.check(f"Bearer {officer.token}".encode(), "officer")
    assert isinstance(renewed, Principal)
    assert renewed.acts == frozenset(), "the session goes on, without the role"
    polling.cancel()


async def test_the_history_of_roles_is_neither_deleted_nor_rewritten(make: Make, house: House) -> None:
    officer = await make.officer("SO-XD")
    for statement in (
        "DELETE FROM officer_grant WHERE officer_id = $1",
        "UPDATE officer_grant SET role_code = 'leader' WHERE officer_id = $1",
        "UPDATE officer_grant SET until = now() WHERE officer_id = $1",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await house.database.hot.execute(statement, officer.id)


async def test_a_refresh_while_a_role_is_taken_away_waits_and_comes_without_it(make: Make, house: House) -> None:
    officer = await make.officer("SO-XD")
    body = {"refresh_token": officer.refresh_token}
    async with house.database.transaction() as db:
        await db.execute(text("SELECT FROM officer WHERE id = :id FOR NO KEY UPDATE"), {"id": officer.id})
        refresh = asyncio.create_task(officer.post("/v1/public/officer-session-refreshes", body))
        await until_somebody_waits(house, refresh)
        await db.execute(
            text("UPDATE officer_grant SET ended_at = now(), end_reason = 'x' WHERE officer_id = :id"),
            {"id": officer.id},
        )
    officer.keep(await refresh)
    assert (await officer.get("/v1/officer/me"))["acts"] == []
