"""The outbox as workers see it: a row is one worker's at a time, and nobody's for long if that worker dies."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg

from app.core import outbox
from app.core.db import Database
from app.core.ids import new_id
from app.core.jobs import Lane
from app.core.settings import Settings
from app.notifications.rules import PUSH_JOB
from tests.workers.runs import put, state_of
from workers.ledger import BACKOFF_MOST_S, Ledger, backoff_s
from workers.registry import SCHEDULE


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
    handed = await asyncio.gather(*(ledger.hand_over(PUSH_JOB.lane, 30) for ledger in ledgers))
    ids = [one.id for share in handed for one in share]
    assert len(ids) == len(set(ids)) == 30
    assert set(ids) == due
    assert await state_of(quiet, later) == "waiting"


async def test_no_more_is_handed_over_than_a_lane_can_soon_do(quiet: Database) -> None:
    for _ in range(12):
        await put(quiet)
    ledger = Ledger(quiet, new_id())
    assert len(await ledger.hand_over(PUSH_JOB.lane, 10)) == 10
    assert await ledger.hand_over(PUSH_JOB.lane, 10) == []
    assert await ledger.hand_over(Lane.BULK, 10) == []
    await ledger.take_back(30, lost_after_s=0)
    assert len(await ledger.hand_over(PUSH_JOB.lane, 12)) == 12


async def test_a_job_is_taken_once_and_an_old_hand_over_changes_nothing(quiet: Database) -> None:
    job_id = await put(quiet)
    one, two = Ledger(quiet, new_id()), Ledger(quiet, new_id())
    await one.hand_over(PUSH_JOB.lane, 10)
    assert await one.take(job_id, 1) is not None
    assert await two.take(job_id, 1) is None
    assert await two.take_back(0, 0) == 1  # nobody has heard of worker one
    (again,) = await two.hand_over(PUSH_JOB.lane, 10)
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
    await one.hand_over(PUSH_JOB.lane, 10)
    await one.take(job_id, 1)
    assert await one.take_back(dead_after_s=30, lost_after_s=30) == 0
    await one.release()
    assert await state_of(quiet, job_id) == "waiting"


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


def test_backoff_doubles_and_has_a_limit() -> None:
    for failures in range(20):
        assert min(0.5 * 2**failures, BACKOFF_MOST_S / 2) <= backoff_s(failures) <= min(2**failures, BACKOFF_MOST_S)
