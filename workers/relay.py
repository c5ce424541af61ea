"""From the outbox to arq: wakes on NOTIFY, sweeps every second, brings back what Redis or a dead worker lost."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import structlog
from arq.connections import ArqRedis

from app.core import telemetry
from app.core.jobs import Lane
from app.core.outbox import CHANNEL
from app.core.settings import Settings
from app.trail.rules import days_due
from workers.ledger import Handed, Ledger
from workers.registry import SCHEDULE
from workers.runner import Runner

log = structlog.get_logger()

RUN = "run"
AHEAD = 4
"""For each job a lane does at once, so many wait in Redis: enough to keep it busy, few enough not to grow old there."""
LISTEN_AGAIN_S = 0.5


def queue_of(lane: str) -> str:
    return f"khue:{lane}"


def jobs_at_once(lane: Lane, settings: Settings) -> int:
    workers = settings.workers
    return {Lane.URGENT: workers.urgent_jobs, Lane.NORMAL: workers.normal_jobs, Lane.BULK: workers.bulk_jobs}[lane]


class Relay:
    def __init__(self, settings: Settings, ledger: Ledger, arq: ArqRedis) -> None:
        self._settings = settings
        self._ledger = ledger
        self._arq = arq
        self._wake = asyncio.Event()
        self._more = False

    async def listen(self) -> None:
        """Holds one connection that hears of new rows; opened again for as long as the process lives."""
        while True:
            try:
                await self._listen_once()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as wrong:
                log.warning("outbox not heard", error=type(wrong).__name__)
            await asyncio.sleep(LISTEN_AGAIN_S)

    async def _listen_once(self) -> None:
        gone = asyncio.Event()

        def ended(*_: Any) -> None:
            gone.set()

        def heard(*_: Any) -> None:
            self._wake.set()

        connection = await asyncpg.connect(self._settings.database_url, timeout=5)
        try:
            connection.add_termination_listener(ended)
            await connection.add_listener(CHANNEL, heard)
            self._wake.set()
            await gone.wait()
        finally:
            connection.terminate()

    async def hand_over(self) -> None:
        """Wakes on a notice or after `workers.sweep_s`; hands over until nothing is due."""
        while True:
            try:
                async with asyncio.timeout(self._settings.workers.sweep_s):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                self._more = any([await self._hand_over_lane(lane) for lane in Lane])
            except Exception as wrong:
                log.warning("hand-over failed", error=type(wrong).__name__)
                await asyncio.sleep(self._settings.workers.sweep_s)

    async def keep(self, name: str, runner: Runner) -> None:
        """The heartbeat; and what the dead and the lost leave is put back; and the clock starts what is scheduled."""
        workers = self._settings.workers
        while True:
            try:
                await self._ledger.beat(name, runner.done, runner.failed)
                if await self._ledger.take_back(workers.dead_after_s, workers.lost_after_s, runner.under_way()):
                    self._wake.set()
                for one in SCHEDULE:
                    await self._ledger.schedule(one.job, *one.slot(datetime.now(UTC)))
                await self._measure()
            except Exception as wrong:
                log.warning("heartbeat failed", error=type(wrong).__name__)
            await asyncio.sleep(workers.heartbeat_s)

    def nudge(self) -> None:
        """A job ended: if more wait than a lane could be handed, there is room now."""
        if self._more:
            self._wake.set()

    async def _hand_over_lane(self, lane: Lane) -> bool:
        """Whether more may be waiting."""
        handed = await self._ledger.hand_over(lane, jobs_at_once(lane, self._settings) * AHEAD)
        try:
            await asyncio.gather(*(self._enqueue(one) for one in handed))
        except Exception:
            await self._ledger.give_back(handed)
            raise
        return bool(handed)

    async def _enqueue(self, one: Handed) -> None:
        """An id of its own for each hand-over: what arq remembers of an earlier one cannot hold this one up."""
        await self._arq.enqueue_job(
            RUN, str(one.id), one.attempt, _job_id=f"{one.id}:{one.attempt}", _queue_name=queue_of(one.lane)
        )

    async def _measure(self) -> None:
        telemetry.TRAIL_UNSEALED.set(days_due(await self._ledger.last_sealed(), datetime.now(UTC)))
        depths: Sequence[Any] = await self._ledger.depths()
        seen = {(row["lane"], row["state"]): row["rows"] for row in depths}
        for lane in Lane:
            for state in ("waiting", "handed", "running"):
                telemetry.OUTBOX_DEPTH.labels(lane, state).set(seen.get((lane.value, state), 0))
