"""How a run may end, and what becomes of its row."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.core import outbox
from app.core.db import Database
from app.core.ids import born, new_id
from app.core.jobs import Lane, all_jobs
from app.core.settings import Settings
from app.notifications.rules import PUSH_JOB
from app.tickets import photos
from app.tickets.workflow import DEADLINE_JOB
from tests.workers.runs import put, runner_of, state_of
from workers.context import Context, Run, open_context
from workers.ledger import Ledger
from workers.outcomes import Never
from workers.registry import WORKERS
from workers.runner import Runner


async def test_what_has_served_its_time_is_forgotten(alone: Settings, quiet: Database) -> None:
    old, new = datetime.now(UTC) - timedelta(days=3), datetime.now(UTC)
    for key, created_at in (("old", old), ("new", new)):
        await quiet.hot.execute("INSERT INTO idempotency_key VALUES ($1, $1, '', 201, '[]', '', $2)", key, created_at)
        await quiet.hot.execute("INSERT INTO worker VALUES ($1, 'x', $2, $2, 0, 0)", new_id(), created_at)
        await quiet.hot.execute("INSERT INTO rate_counter VALUES ($1, $2)", key, created_at + timedelta(hours=1))
        challenge = "INSERT INTO passkey_challenge VALUES ($1, 'sign-in', NULL, NULL, $2)"
        await quiet.hot.execute(challenge, key.encode(), created_at)
    photo = born(old - timedelta(days=5))
    values = "$1, $1, '', 1, 1, 1, NULL, NULL, NULL, now()"
    await quiet.hot.execute(f"INSERT INTO photo VALUES ({values})", photo)
    photos.write(photos.path_of(alone.uploads, photo), b"picture")
    async with open_context(alone) as context:
        await WORKERS["sweep-old"](context, Run(new_id(), 1, {}))
    assert not photos.path_of(alone.uploads, photo).exists()
    assert await quiet.hot.fetchval("SELECT count(*) FROM photo") == 0
    for table in ("idempotency_key", "worker", "rate_counter", "passkey_challenge"):
        assert await quiet.hot.fetchval(f"SELECT count(*) FROM {table}") == 1
    await quiet.hot.execute("DELETE FROM worker")


async def test_a_job_that_keeps_failing_ends_among_the_dead_and_can_be_replayed(
    alone: Settings, quiet: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: Context, __: Any) -> None:
        raise OSError("no route")

    monkeypatch.setitem(WORKERS, PUSH_JOB.name, fail)
    job_id = await put(quiet)
    async with runner_of(alone) as (runner, ledger):
        for attempt in range(1, PUSH_JOB.tries_max + 1):
            await quiet.hot.execute("UPDATE outbox SET due_at = now() WHERE id = $1", job_id)
            await ledger.hand_over(PUSH_JOB.lane, 10)
            await runner.run(job_id, attempt)
        assert runner.failed == PUSH_JOB.tries_max
    async with quiet.transaction() as session:
        dead = await outbox.show_dead(session, job_id)
        assert dead is not None
        assert (dead.job, dead.failures, dead.error) == ("push", PUSH_JOB.tries_max, "OSError: no route")
        assert await outbox.replay(session, [dead]) == 1
    assert await state_of(quiet, job_id) == "waiting"


async def test_a_job_that_cannot_succeed_dies_at_once_and_one_that_hangs_is_given_up(
    alone: Settings, quiet: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_: Context, __: Any) -> None:
        raise Never("no such thing")

    async def hang(_: Context, __: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setitem(WORKERS, PUSH_JOB.name, never)
    monkeypatch.setitem(WORKERS, DEADLINE_JOB.name, hang)
    monkeypatch.setattr(
        "workers.runner.all_jobs",
        lambda: {**all_jobs(), DEADLINE_JOB.name: type(DEADLINE_JOB)("ticket-deadline", Lane.NORMAL, 0, 3)},
    )
    first = await put(quiet)
    async with quiet.transaction() as session:
        second = outbox.put(session, DEADLINE_JOB, ticket_id=new_id())
    async with runner_of(alone) as (runner, ledger):
        await asyncio.gather(*(ledger.hand_over(lane, 10) for lane in Lane))
        await asyncio.gather(runner.run(first, 1), runner.run(second, 1))
    assert await quiet.hot.fetchval("SELECT error FROM dead_letter WHERE id = $1", first) == "Never: no such thing"
    row = await quiet.hot.fetchrow("SELECT state, failures, error FROM outbox WHERE id = $1", second)
    assert row is not None
    assert (row["state"], row["failures"], row["error"]) == ("waiting", 1, "TimeoutError: ")


async def test_a_run_whose_end_could_not_be_written_down_is_done_again(
    alone: Settings, quiet: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cut(context: Context, run: Run) -> None:
        await context.database.hot.execute("UPDATE outbox SET started_at = now() - interval '1 minute'")
        await context.database.close()

    monkeypatch.setitem(WORKERS, PUSH_JOB.name, cut)
    job_id = await put(quiet)
    here = Ledger(quiet, new_id())
    async with open_context(alone) as context:
        there = Ledger(context.database, here.worker_id)
        runner = Runner(context, there)
        await here.beat("here", 0, 0)
        await there.hand_over(PUSH_JOB.lane, 10)
        with pytest.raises(asyncpg.InterfaceError):
            await runner.run(job_id, 1)
    assert await state_of(quiet, job_id) == "running"
    assert await here.take_back(30, 30, under_way=[job_id]) == 0
    assert await here.take_back(30, 30, runner.under_way()) == 1
    assert await quiet.hot.fetchval("SELECT failures FROM outbox WHERE id = $1", job_id) == 0


async def test_a_job_that_kills_its_worker_each_time_ends_among_the_dead(
    alone: Settings, quiet: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[UUID] = []

    async def note(_: Context, run: Run) -> None:
        ran.append(run.id)

    monkeypatch.setitem(WORKERS, PUSH_JOB.name, note)
    job_id = await put(quiet)
    for attempt in range(1, PUSH_JOB.tries_max + 1):
        killed = Ledger(quiet, new_id())
        await killed.hand_over(PUSH_JOB.lane, 10)
        assert await killed.take(job_id, attempt) is not None
        assert await Ledger(quiet, new_id()).take_back(0, 30) == 1
    async with runner_of(alone) as (runner, ledger):
        await ledger.hand_over(PUSH_JOB.lane, 10)
        await runner.run(job_id, PUSH_JOB.tries_max + 1)
    assert ran == []
    assert await quiet.hot.fetchval("SELECT error FROM dead_letter WHERE id = $1", job_id) == "its worker died"
