"""Jobs: once written they run, whatever dies in between."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from msgspec import structs
from redis.asyncio import Redis

from app.core import db, outbox
from app.core.db import Database
from app.core.ids import new_id
from app.core.jobs import Lane, all_jobs
from app.core.settings import Settings
from app.notifications.rules import PUSH_JOB
from app.tickets.workflow import DEADLINE_JOB
from sandbox.phone import Resident, eventually, moments
from tests import servers
from tests.make import Make
from workers import fcm
from workers.context import Context, Run, open_context
from workers.fcm import FirebasePush, Note
from workers.ledger import BACKOFF_MOST_S, Ledger, backoff_s
from workers.outcomes import Never
from workers.process import work
from workers.registry import SCHEDULE, WORKERS
from workers.runner import Runner


@pytest.fixture(scope="module")
async def alone(settings: Settings, addresses: tuple[str, str], process_name: str) -> Settings:
    """A database in which no worker works."""
    url = await servers.clone(addresses[0], f"khue_{process_name}_jobs")
    return structs.replace(settings, database_url=url)


@pytest.fixture(scope="module")
async def opened(alone: Settings) -> AsyncGenerator[Database]:
    database = await db.connect(alone)
    yield database
    await database.close()


@pytest.fixture
async def quiet(opened: Database) -> Database:
    """No job of another test in it."""
    await opened.hot.execute("DELETE FROM outbox")
    return opened


async def put(database: Database, **more: Any) -> UUID:
    async with database.transaction() as session:
        return outbox.put(session, PUSH_JOB, message_id=new_id(), **more)


async def state_of(database: Database, job_id: UUID) -> str | None:
    return await database.hot.fetchval("SELECT state FROM outbox WHERE id = $1", job_id)


async def gone(database: Database, job_id: UUID, seconds: float = 8) -> bool:
    async for _ in moments(seconds):
        if await state_of(database, job_id) is None:
            return True
    return False


async def test_a_job_of_a_transaction_that_rolled_back_does_not_exist(quiet: Database) -> None:
    async with quiet.transaction() as session:
        job_id = outbox.put(session, PUSH_JOB, message_id=new_id())
        await session.flush()
        await session.rollback()
    assert await state_of(quiet, job_id) is None


async def test_a_commit_wakes_who_listens(alone: Settings, quiet: Database) -> None:
    heard = asyncio.Event()
    connection = await asyncpg.connect(alone.database_url)
    await connection.add_listener(outbox.CHANNEL, lambda *_: heard.set())
    await put(quiet)
    await asyncio.wait_for(heard.wait(), 2)
    await connection.close()


async def test_two_relays_share_the_work_and_a_future_job_waits(quiet: Database) -> None:
    due = {await put(quiet) for _ in range(30)}
    later = await put(quiet, due_at=datetime.now(UTC) + timedelta(hours=1))
    ledgers = [Ledger(quiet, new_id()) for _ in range(2)]
    handed = await asyncio.gather(*(ledger.hand_over(Lane.URGENT, 30) for ledger in ledgers))
    ids = [one.id for share in handed for one in share]
    assert len(ids) == len(set(ids)) == 30
    assert set(ids) == due
    assert await state_of(quiet, later) == "waiting"


async def test_no_more_is_handed_over_than_a_lane_can_soon_do(quiet: Database) -> None:
    for _ in range(12):
        await put(quiet)
    ledger = Ledger(quiet, new_id())
    assert len(await ledger.hand_over(Lane.URGENT, 10)) == 10
    assert await ledger.hand_over(Lane.URGENT, 10) == []
    assert await ledger.hand_over(Lane.BULK, 10) == []
    await ledger.take_back(30, lost_after_s=0)
    assert len(await ledger.hand_over(Lane.URGENT, 12)) == 12


async def test_what_has_served_its_time_is_forgotten(alone: Settings, quiet: Database) -> None:
    old, new = datetime.now(UTC) - timedelta(days=3), datetime.now(UTC)
    for key, created_at in (("old", old), ("new", new)):
        await quiet.hot.execute("INSERT INTO idempotency_key VALUES ($1, $1, '', 201, '[]', '', $2)", key, created_at)
        await quiet.hot.execute("INSERT INTO worker VALUES ($1, 'x', $2, $2, 0, 0)", new_id(), created_at)
        await quiet.hot.execute("INSERT INTO rate_counter VALUES ($1, $2)", key, created_at + timedelta(hours=1))
    async with open_context(alone) as context:
        await WORKERS["sweep-old"](context, Run(new_id(), 1, {}))
    for table in ("idempotency_key", "worker", "rate_counter"):
        assert await quiet.hot.fetchval(f"SELECT count(*) FROM {table}") == 1
    await quiet.hot.execute("DELETE FROM worker")


async def test_a_job_is_taken_once_and_an_old_hand_over_changes_nothing(quiet: Database) -> None:
    job_id = await put(quiet)
    one, two = Ledger(quiet, new_id()), Ledger(quiet, new_id())
    await one.hand_over(Lane.URGENT, 10)
    assert await one.take(job_id, 1) is not None
    assert await two.take(job_id, 1) is None
    assert await two.take_back(0, 0) == 1  # nobody has heard of worker one
    (again,) = await two.hand_over(Lane.URGENT, 10)
    assert again.attempt == 2
    assert await two.take(job_id, 2) is not None
    await one.done(job_id, 1)
    await one.again(job_id, 1, 0, "late")
    assert await state_of(quiet, job_id) == "running"
    await two.done(job_id, 2)
    assert await state_of(quiet, job_id) is None


async def test_what_a_worker_that_lives_is_doing_is_left_to_it(quiet: Database) -> None:
    job_id = await put(quiet)
    one = Ledger(quiet, new_id())
    await one.beat("one", 0, 0)
    await one.hand_over(Lane.URGENT, 10)
    await one.take(job_id, 1)
    assert await one.take_back(dead_after_s=30, lost_after_s=30) == 0
    await one.release()
    assert await state_of(quiet, job_id) == "waiting"


@asynccontextmanager
async def runner_of(settings: Settings) -> AsyncGenerator[tuple[Runner, Ledger]]:
    async with open_context(settings) as context:
        ledger = Ledger(context.database, new_id())
        yield Runner(context, ledger), ledger


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
            await ledger.hand_over(Lane.URGENT, 10)
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


def test_backoff_doubles_and_has_a_limit() -> None:
    for failures in range(20):
        assert min(0.5 * 2**failures, BACKOFF_MOST_S / 2) <= backoff_s(failures) <= min(2**failures, BACKOFF_MOST_S)


async def test_a_scheduled_job_starts_once_a_period_however_many_ask(quiet: Database) -> None:
    one = SCHEDULE[0]
    await quiet.hot.execute("DELETE FROM schedule_slot")
    now = datetime(2026, 11, 24, 5, 30, tzinfo=UTC)
    for moment in (now, now, now - timedelta(hours=2)):
        await asyncio.gather(*(Ledger(quiet, new_id()).schedule(one.job, *one.slot(moment)) for _ in range(3)))
    assert await quiet.hot.fetchval("SELECT count(*) FROM outbox WHERE job = $1", one.job.name) == 1
    await Ledger(quiet, new_id()).schedule(one.job, *one.slot(now + timedelta(hours=1)))
    assert await quiet.hot.fetchval("SELECT count(*) FROM outbox WHERE job = $1", one.job.name) == 2
    await quiet.hot.execute("DELETE FROM outbox")


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
    begun, leave = asyncio.Event(), asyncio.Event()
    ended: list[UUID] = []

    async def slow(_: Context, run: Any) -> None:
        begun.set()
        await leave.wait()
        ended.append(run.id)

    monkeypatch.setitem(WORKERS, PUSH_JOB.name, slow)
    job_id = await put(quiet)
    async with runner_of(alone) as (runner, ledger):
        await ledger.hand_over(Lane.URGENT, 10)
        running = asyncio.create_task(runner.run(job_id, 1))
        await begun.wait()
        stopping = asyncio.create_task(runner.finish(5))
        await asyncio.sleep(0)
        late = await put(quiet)
        await ledger.hand_over(Lane.URGENT, 10)
        await runner.run(late, 1)
        leave.set()
        await asyncio.gather(running, stopping)
        await ledger.release()
    assert ended == [job_id]
    assert await state_of(quiet, job_id) is None
    assert await state_of(quiet, late) == "handed"  # never taken; another relay hands it anew
    await quiet.hot.execute("DELETE FROM outbox")


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


async def test_the_private_name_of_firebase_admin_is_still_there_and_put_back(settings: Settings) -> None:
    real = fcm.messaging._MessagingService.FCM_URL
    push = FirebasePush(settings.fcm)
    assert push._service._fcm_url.startswith(settings.fcm.base_url)
    assert real == fcm.messaging._MessagingService.FCM_URL == "https://fcm.googleapis.com/v1/projects/{0}/messages:send"
    note = Note("Chào", "Nội dung", {})
    assert (await push.send("token", "nobody", note)).kind == "gone"
    assert (await push.send("fid", "nobody", note)).kind == "gone"
    await push.close()
