"""A worker process: once written jobs run, whatever dies in between; told to stop, it leaves nothing behind."""

import asyncio
from typing import Any
from uuid import UUID

import httpx2
import pytest
from msgspec import structs
from redis.asyncio import Redis

from app.cli.process import free_port
from app.core.db import Database
from app.core.settings import Settings
from app.notifications.rules import PUSH_JOB
from sandbox.phone import Resident, eventually, moments
from tests.make import Make
from tests.workers.runs import put, runner_of, state_of
from workers.context import Context
from workers.process import work
from workers.registry import WORKERS


@pytest.mark.usefixtures("worker")
async def test_a_flush_of_redis_loses_no_job(
    make: Make, citizen: Resident, settings: Settings, outside: httpx2.AsyncClient
) -> None:
    token = await citizen.get_phone()
    redis = Redis.from_url(settings.redis_url)
    for _ in range(4):
        await make.ticket(citizen)
        await redis.flushdb()
    await redis.aclose()
    found = await eventually(outside, f"/phones/{token}/messages", least=4)
    assert len({one["data"]["id"] for one in found}) == len(found) == 4


async def test_a_clean_stop_finishes_what_runs_and_gives_the_rest_back(
    alone: Settings, quiet: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[UUID] = []
    ended: list[UUID] = []
    both, leave, stopping = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(_: Context, run: Any) -> None:
        begun.append(run.id)
        if len(begun) == 2:
            both.set()
        await (leave.wait() if run.id == first else asyncio.Event().wait())
        ended.append(run.id)

    monkeypatch.setitem(WORKERS, PUSH_JOB.name, slow)
    first, endless = await put(quiet), await put(quiet)
    impatient = structs.replace(alone, workers=structs.replace(alone.workers, stop_s=0.3))
    task = asyncio.create_task(work(impatient, stopping))
    await asyncio.wait_for(both.wait(), 5)
    stopping.set()
    late = await put(quiet)
    leave.set()
    await task
    assert ended == [first]
    assert await state_of(quiet, first) is None
    assert await state_of(quiet, endless) == "waiting"
    assert await state_of(quiet, late) in ("waiting", "handed")  # never taken; another relay hands it anew
    await quiet.hot.execute("DELETE FROM outbox")


async def test_a_run_goes_on_when_arq_lets_go_of_it(
    alone: Settings, quiet: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, leave = asyncio.Event(), asyncio.Event()

    async def slow(_: Context, __: Any) -> None:
        begun.set()
        await leave.wait()

    monkeypatch.setitem(WORKERS, PUSH_JOB.name, slow)
    job_id = await put(quiet)
    async with runner_of(alone) as (runner, ledger):
        await ledger.hand_over(PUSH_JOB.lane, 10)
        carried = asyncio.create_task(runner.run(job_id, 1))
        await begun.wait()
        carried.cancel()
        await asyncio.wait([carried])
        assert runner.under_way() == [job_id]
        leave.set()
        await runner.finish(5)
        assert runner.under_way() == []
    assert await state_of(quiet, job_id) is None


async def test_a_worker_that_waits_for_redis_hears_that_it_is_to_stop(alone: Settings, quiet: Database) -> None:
    stopping = asyncio.Event()
    elsewhere = structs.replace(alone, redis_url=f"redis://127.0.0.1:{free_port()}/0")
    task = asyncio.create_task(work(elsewhere, stopping))
    async for _ in moments(5):
        if await quiet.hot.fetchval("SELECT count(*) FROM worker"):
            break
    stopping.set()
    await asyncio.wait_for(task, 5)


async def test_a_worker_says_that_it_lives_and_leaves_when_it_stops(alone: Settings, quiet: Database) -> None:
    stopping = asyncio.Event()
    before = await quiet.hot.fetchval("SELECT count(*) FROM worker")
    task = asyncio.create_task(work(alone, stopping))
    async for _ in moments(5):
        if await quiet.hot.fetchval("SELECT count(*) FROM worker") == before + 1:
            break
    stopping.set()
    await task
    assert await quiet.hot.fetchval("SELECT count(*) FROM worker") == before
