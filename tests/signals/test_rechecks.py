"""Asking the eID again: whom, how often, and what each answer changes."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from msgspec import structs

from app.core import person_keys
from app.core.db import begin_scope
from app.core.ids import new_id
from app.core.settings import Rechecks
from app.signals import rechecks
from app.signals.rules import RECHECK_EVERY, RECHECK_JOB
from sandbox.phone import Resident, moments
from tests.credentials.eid import person
from tests.signals.conftest import City
from workers.context import Run
from workers.registry import SCHEDULE, WORKERS

_people = itertools.count(5001, 4)


async def signed_in(city: City) -> tuple[Resident, str]:
    resident, who = city.resident(), person(next(_people))
    await resident.sign_in_by_eid(who)
    return resident, who


async def run_job(city: City) -> None:
    begin_scope()
    await WORKERS[RECHECK_JOB.name](city.context, Run(new_id(), 1, {}))


async def row_of(city: City, who: str) -> Any:
    return await city.house.database.hot.fetchrow("SELECT * FROM account WHERE eid_subject = $1", who)


async def refresh_of(city: City, who: str) -> str:
    row = await row_of(city, who)
    async with city.house.database.transaction() as db:
        opened = await person_keys.person(db, city.house.crypto, row["id"])
    return opened.decrypt("account.eid_refresh", row["eid_refresh_sealed"])


async def taken(city: City, **changed: Any) -> set[str]:
    """Whom a run would ask about."""
    rules = structs.replace(city.context.settings.rechecks, **changed)
    settings = structs.replace(city.context.settings, rechecks=rules)
    async with city.context.database.transaction() as db:
        return {one.subject for one in await rechecks.take(db, city.context.crypto, settings)}


async def set_account(city: City, who: str, column: str, value: Any) -> None:
    await city.house.database.hot.execute(f"UPDATE account SET {column} = $2 WHERE eid_subject = $1", who, value)


async def test_a_good_answer_moves_the_last_word_and_keeps_the_new_refresh_token(city: City) -> None:
    resident, who = await signed_in(city)
    before, sealed_before = await row_of(city, who), await refresh_of(city, who)
    assert sealed_before.encode() not in before["eid_refresh_sealed"]
    for _ in range(3):
        old = await refresh_of(city, who)
        await run_job(city)
        assert await refresh_of(city, who) != old
    after = await row_of(city, who)
    assert after["eid_checked_at"] > before["eid_checked_at"]
    assert (after["eid_asked_at"], after["state"]) == (None, "active")
    await resident.get("/v1/citizen/me")


async def test_who_is_suspended_is_out_after_one_run_and_others_are_not(
    city: City, outside: httpx2.AsyncClient
) -> None:
    (suspended, who), (other, _) = await signed_in(city), await signed_in(city)
    await outside.post(f"/identities/{who}/suspensions", params={"tell": "false"})
    await run_job(city)
    async for _ in moments(5):  # the worker's word reaches the API by Redis
        headers = {"Authorization": f"Bearer {suspended.token}"}
        if (await city.api.get("/v1/citizen/me", headers=headers)).status_code == 401:
            break
    await suspended.get("/v1/citizen/me", status=401)
    row = await row_of(city, who)
    assert (row["state"], row["state_reason"], row["eid_refresh_sealed"]) == ("suspended", "eid-suspended", None)
    await other.get("/v1/citizen/me")
    version = row["version"]
    await run_job(city)
    assert (await row_of(city, who))["version"] == version


@pytest.mark.parametrize("kind", ["error", "nonsense", "slow"])
async def test_while_the_provider_does_not_answer_nothing_changes_and_it_is_asked_again(
    city: City, outside: httpx2.AsyncClient, eid_well: None, kind: str
) -> None:
    resident, who = await signed_in(city)
    before = await row_of(city, who)
    await outside.post(f"/identities/{who}/suspensions", params={"tell": "false"})
    await outside.put("/faults/eid", json={"kind": kind, "seconds": 5})
    await run_job(city)
    during = await row_of(city, who)
    for name in ("state", "eid_checked_at", "eid_refresh_sealed"):
        assert during[name] == before[name]
    await resident.get("/v1/citizen/me")
    await outside.delete("/faults")
    async for _ in moments(10):
        await set_account(city, who, "eid_asked_at", None)
        await run_job(city)
        if (await row_of(city, who))["state"] == "suspended":
            break
    assert (await row_of(city, who))["state"] == "suspended"


@pytest.mark.parametrize("about", ["audience", "issuer", "signature", "subject"])
async def test_a_lying_answer_says_nothing(city: City, outside: httpx2.AsyncClient, eid_well: None, about: str) -> None:
    resident, who = await signed_in(city)
    before = await row_of(city, who)
    await outside.put("/faults/eid-again", json={"kind": "lie", "about": about})
    await run_job(city)
    after = await row_of(city, who)
    assert (after["state"], after["eid_checked_at"]) == ("active", before["eid_checked_at"])
    await resident.get("/v1/citizen/me")


async def test_two_runs_at_once_ask_about_each_person_once(city: City, outside: httpx2.AsyncClient) -> None:
    for _ in range(5):
        await signed_in(city)
    everybody = await city.house.database.hot.fetch(
        "UPDATE account SET eid_asked_at = NULL WHERE eid_refresh_sealed IS NOT NULL RETURNING eid_subject"
    )
    before = (await outside.get("/identities/calls")).json()["token"]
    await asyncio.gather(run_job(city), run_job(city))
    asked = (await outside.get("/identities/calls")).json()["token"] - before
    assert asked == len(everybody)
    shut = await city.house.database.hot.fetchval(
        "SELECT count(*) FROM account WHERE state <> 'active' AND eid_subject = ANY($1)",
        [row["eid_subject"] for row in everybody],
    )
    assert shut == 0


async def test_a_run_that_died_after_the_answer_is_made_good_by_the_next(city: City) -> None:
    """The provider has given a new refresh token, and we have not kept it: the old one still works until the new is used."""
    resident, who = await signed_in(city)
    await city.context.eid.ask_again(await refresh_of(city, who), who)
    await run_job(city)
    assert (await row_of(city, who))["state"] == "active"
    await run_job(city)
    await resident.get("/v1/citizen/me")


async def test_an_answer_about_an_older_sign_in_says_nothing_of_the_newer(city: City) -> None:
    resident, who = await signed_in(city)
    async with city.context.database.transaction() as db:
        await set_account(city, who, "eid_asked_at", None)
        due = [one for one in await rechecks.take(db, city.context.crypto, city.context.settings) if one.subject == who]
    await resident.sign_in_by_eid(who)
    async with city.context.database.transaction() as db:
        over = await rechecks.record(db, city.context.revocations, city.context.crypto, due[0], rechecks.Answer("over"))
    assert not over
    assert (await row_of(city, who))["state"] == "active"
    await resident.get("/v1/citizen/me")


async def test_only_those_are_asked_about_who_use_the_app_and_whose_word_is_old(city: City) -> None:
    (_, busy), (_, idle), (_, fresh), (_, asked) = [await signed_in(city) for _ in range(4)]
    old = datetime.now(UTC) - timedelta(hours=1)
    for who in (busy, idle, asked):
        await set_account(city, who, "eid_checked_at", old)
    await set_account(city, asked, "eid_asked_at", datetime.now(UTC))
    await city.house.database.hot.execute(
        "UPDATE session SET rotated_at = $2 FROM account a WHERE a.id = subject_id AND a.eid_subject = $1", idle, old
    )
    found = await taken(city, period_s=60)
    assert busy in found
    assert not {idle, fresh, asked} & found
    assert busy not in await taken(city, period_s=60), "who is being asked about is not asked about twice"


async def test_no_more_are_taken_than_may_be_asked_the_oldest_word_first(city: City) -> None:
    now = datetime.now(UTC)
    people = [(await signed_in(city))[1] for _ in range(17)]
    for age, who in enumerate(people):
        await set_account(city, who, "eid_checked_at", now - timedelta(days=1, hours=age))
    assert await taken(city, per_s=1) == set(people[2:])


def test_a_suspension_is_found_within_a_minute_by_the_settings_we_give() -> None:
    """The last word may be as old as the period, the next run begins within its interval and is done within another."""
    assert next(one.every for one in SCHEDULE if one.job == RECHECK_JOB) == RECHECK_EVERY
    assert Rechecks().period_s + 2 * RECHECK_EVERY.total_seconds() <= 60


async def test_signals_of_long_ago_are_forgotten(city: City) -> None:
    hot = city.house.database.hot
    for jti, until in (("old", datetime.now(UTC) - timedelta(days=1)), ("new", datetime.now(UTC) + timedelta(days=1))):
        await hot.execute("INSERT INTO signal VALUES ('x', $1, 'logout', NULL, now(), $2)", jti, until)
    await WORKERS["sweep-old"](city.context, Run(new_id(), 1, {}))
    assert [row["jti"] for row in await hot.fetch("SELECT jti FROM signal WHERE issuer = 'x'")] == ["new"]


async def test_who_was_asked_about_in_vain_does_not_stand_in_the_way_of_others(city: City) -> None:
    old = datetime.now(UTC) - timedelta(days=2)
    (_, vain), (_, next_one) = [await signed_in(city) for _ in range(2)]
    for who in (vain, next_one):
        await set_account(city, who, "eid_checked_at", old)
    await set_account(city, vain, "eid_asked_at", datetime.now(UTC) - timedelta(seconds=20))
    others = "UPDATE account SET eid_checked_at = now() + interval '1 hour' WHERE eid_subject <> ALL($1)"
    await city.house.database.hot.execute(others, [vain, next_one])
    settings = structs.replace(city.context.settings, rechecks=Rechecks(period_s=0, per_s=1))
    async with city.context.database.transaction() as db:
        found = await rechecks.take(db, city.context.crypto, settings)
    assert [one.subject for one in found] == [next_one, vain]
