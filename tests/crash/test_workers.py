"""Workers and Redis die while jobs flow: what is due is done, soon, by whoever is left."""

import asyncio
import time
from collections.abc import AsyncGenerator

import pytest
from redis.asyncio import Redis

from tests.crash.city import City
from tests.crash.people import Person, check_filed, residents, rung

RUNNING = "SELECT WHERE (SELECT count(*) FROM outbox WHERE job = 'push' AND state = 'running')"
TAKEN_OVER_S = 10
"""Far below the 60 s a push may take; with WORKERS__DEAD_AFTER_S=1 it is some two seconds."""


@pytest.fixture(scope="module")
async def served(town: City) -> AsyncGenerator[City]:
    """The API runs through all of it."""
    await town.mend()
    async with town.serving():
        yield town


@pytest.fixture
async def open_city(served: City, city: City) -> City:
    assert served is city
    return city


async def file_each(city: City, people: list[Person], number: int = 0) -> None:
    await asyncio.gather(*(person.file(city.api, number) for person in people))


async def test_what_a_killed_worker_was_doing_another_does_within_seconds(open_city: City) -> None:
    city = open_city
    people = await residents(city, 12)
    await city.fault("fcm", kind="slow", seconds=60)
    async with city.working() as first:
        await file_each(city, people)
        await city.until_row(f"{RUNNING} = 12")
        async with city.working():
            await city.outside.delete("/faults")
            first.kill()
            died = time.monotonic()
            await city.until_drained(TAKEN_OVER_S)
            assert time.monotonic() - died < TAKEN_OVER_S
    assert [await rung(city, person) for person in people] == [person.filed for person in people]
    await check_settled(city, people)


async def test_a_worker_that_starts_after_a_crash_finds_what_the_dead_one_left(open_city: City) -> None:
    city = open_city
    people = await residents(city, 12)
    await city.fault("fcm", kind="slow", seconds=60)
    async with city.working() as first:
        await file_each(city, people)
        await city.until_row("SELECT FROM outbox WHERE job = 'push' AND state = 'running'")
        first.kill()
        await asyncio.to_thread(first.wait)
    await city.outside.delete("/faults")
    async with city.working():
        await city.until_drained(TAKEN_OVER_S)
    assert [await rung(city, person) for person in people] == [person.filed for person in people]


async def test_a_flush_of_redis_while_jobs_flow_loses_none_and_repeats_none(open_city: City) -> None:
    city = open_city
    people = await residents(city, 20)
    await city.fault("fcm", kind="slow", seconds=0.1)
    redis = Redis.from_url(city.valkey.url())
    async with city.working():
        for number in range(4):
            await file_each(city, people, number)
            await redis.flushall()
        await city.until_drained()
    await redis.aclose()
    assert [await rung(city, person) for person in people] == [sorted(person.filed) for person in people]


async def test_what_runs_when_redis_is_killed_is_done_and_so_is_what_is_filed_meanwhile(open_city: City) -> None:
    city = open_city
    people = await residents(city, 12)
    await city.fault("fcm", kind="slow", seconds=1)
    async with city.working():
        await file_each(city, people, 0)
        await city.until_row(f"{RUNNING} = 12")
        city.valkey.kill()
        await city.outside.delete("/faults")
        await file_each(city, people, 1)
        assert not any(person.refusals for person in people)
        await asyncio.to_thread(city.valkey.start)
        await city.until_drained(TAKEN_OVER_S)
    await check_filed(city, people)
    await check_settled(city, people)


async def check_settled(city: City, people: list[Person]) -> None:
    """Each push has one outcome, however often it was tried."""
    rows = await city.rows(
        "SELECT m.subject_id, d.outcome FROM delivery d JOIN message m ON m.id = d.message_id"
        " WHERE m.account_id = ANY($1)",
        [person.account_id for person in people],
    )
    found = sorted((str(row["subject_id"]), row["outcome"]) for row in rows)
    assert found == sorted((ticket, "sent") for person in people for ticket in person.filed)
