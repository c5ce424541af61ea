"""PostgreSQL dies as in a power cut and comes back: what was acknowledged is there, and nobody has to be told to go on."""

import asyncio
import itertools
from dataclasses import dataclass

import pytest

from tests.crash.city import City, TooLate
from tests.crash.people import Person, check_filed, residents, rung

CLIENTS = 50
AT_ONCE = 20
"""Pushes one worker sends at once."""
RUNNING = "SELECT WHERE (SELECT count(*) FROM outbox WHERE job = 'push' AND state = 'running')"


@dataclass(frozen=True)
class Cut:
    """50 who filed three tickets each, and whose phones were being rung, when PostgreSQL was killed; then it came back."""

    people: list[Person]
    api_lived: bool
    worker_lived: bool
    drained: bool
    """Whether all that was due was done in the end."""


@pytest.fixture(scope="module")
async def cut(town: City) -> Cut:
    await town.mend()
    people = await residents(town, CLIENTS)
    await town.fault("fcm", kind="slow", seconds=1)
    async with town.serving() as api, town.working() as worker:
        await asyncio.gather(*(person.file(town.api, 0) for person in people))
        await town.until_row(f"{RUNNING} = {AT_ONCE}")
        answers = itertools.count(1)
        for person in people:
            person.on_told = lambda: town.pull_the_plug() if next(answers) == CLIENTS // 2 else None
        filing = [asyncio.create_task(person.file_all(town.api, 1, 2)) for person in people]
        await town.until("half of them are refused", lambda: _refused(people), 20)
        await town.until("phones that were being rung have rung", lambda: _rung(town, people), 20)
        await asyncio.to_thread(town.postgres.start)
        await asyncio.gather(*filing)
        await town.outside.delete("/faults")
        return Cut(people, api.poll() is None, worker.poll() is None, await _drained(town))


async def test_fsync_is_on_in_these_tests(town: City) -> None:
    settings = ["fsync", "full_page_writes", "synchronous_commit"]
    rows = await town.rows("SELECT setting FROM pg_settings WHERE name = ANY($1)", settings)
    assert {row["setting"] for row in rows} == {"on"}


async def test_what_was_acknowledged_is_there_exactly_once_after_the_power_cut(town: City, cut: Cut) -> None:
    await check_filed(town, cut.people)


def test_without_postgresql_the_api_says_so_and_nothing_else(cut: Cut) -> None:
    said = {refusal for person in cut.people for refusal in person.refusals}
    assert said == {"503 storage-unavailable"}


def test_api_and_workers_outlive_postgresql(cut: Cut) -> None:
    assert cut.api_lived
    assert cut.worker_lived


async def test_every_phone_rings_though_postgresql_was_away(town: City, cut: Cut) -> None:
    assert [sorted(set(await rung(town, person))) for person in cut.people] == [
        sorted(person.filed) for person in cut.people
    ]


def test_no_job_stays_behind_with_a_worker_that_could_not_write_down_its_end(cut: Cut) -> None:
    assert cut.drained


async def _refused(people: list[Person]) -> bool:
    return sum(bool(person.refusals) for person in people) >= CLIENTS // 2


async def _rung(city: City, people: list[Person]) -> bool:
    return sum([bool(await rung(city, person)) for person in people]) >= AT_ONCE


async def _drained(city: City) -> bool:
    try:
        await city.until_drained(10)
    except TooLate:
        return False
    return True
