"""One run of one job: take it, do it within its time, write down how it ended. The only function arq knows."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import structlog

from app.core import telemetry
from app.core.db import Row, begin_scope
from app.core.jobs import Job, all_jobs
from workers.context import Context, Run
from workers.ledger import Ledger
from workers.outcomes import Later, Never
from workers.registry import WORKERS

log = structlog.get_logger()


class Runner:
    """Each run is a task of its own, so that it goes on when Redis, and with it arq, goes away."""

    def __init__(self, context: Context, ledger: Ledger) -> None:
        self._context = context
        self._ledger = ledger
        self._runs: dict[asyncio.Task[None], UUID] = {}
        self.ended: Callable[[], None] = lambda: None
        self.done = 0
        self.failed = 0

    async def run(self, job_id: UUID, attempt: int) -> None:
        """May be called twice for the same hand-over, or for one long over: then nothing happens."""
        task = asyncio.create_task(self._run(job_id, attempt))
        self._runs[task] = job_id
        task.add_done_callback(self._over)
        await asyncio.shield(task)

    def under_way(self) -> list[UUID]:
        """The jobs this process is at."""
        return list(self._runs.values())

    async def finish(self, timeout_s: float) -> None:
        """Let what runs end; what does not in time is cut off."""
        left = set(self._runs)
        if left:
            _, left = await asyncio.wait(left, timeout=timeout_s)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _over(self, task: asyncio.Task[None]) -> None:
        job_id = self._runs.pop(task)
        if not task.cancelled() and (wrong := task.exception()) is not None:
            log.warning("job's end not written down", job_id=str(job_id), error=type(wrong).__name__)
        self.ended()

    async def _run(self, job_id: UUID, attempt: int) -> None:
        begin_scope()
        row = await self._ledger.take(job_id, attempt)
        if row is not None:
            await self._do(row, job_id, attempt)

    async def _do(self, row: Row, job_id: UUID, attempt: int) -> None:
        name = row["job"]
        structlog.contextvars.bind_contextvars(job=name, job_id=str(job_id))
        job, work = all_jobs().get(name), WORKERS.get(name)
        if job is None or work is None:
            await self._ledger.dead(job_id, attempt, "no worker knows this job")
            return
        if row["failures"] >= job.tries_max:
            await self._ledger.dead(job_id, attempt, row["error"] or "")
            return
        telemetry.JOB_LAG.labels(job.lane).observe(max((datetime.now(UTC) - row["due_at"]).total_seconds(), 0))
        began = time.monotonic()
        try:
            with telemetry.span(f"job {name}", parent=row["trace"]):
                async with asyncio.timeout(job.timeout_s):
                    await work(self._context, Run(job_id, attempt, row["args"]))
        except Exception as wrong:
            await self._failed(job, row["failures"], job_id, attempt, wrong)
        else:
            self.done += 1
            telemetry.JOBS.labels(name, "done").inc()
            await self._ledger.done(job_id, attempt)
        finally:
            telemetry.JOB_SECONDS.labels(name).observe(time.monotonic() - began)

    async def _failed(self, job: Job, failures: int, job_id: UUID, attempt: int, wrong: Exception) -> None:
        self.failed += 1
        reason = f"{type(wrong).__name__}: {wrong}"
        last = isinstance(wrong, Never) or failures + 1 >= job.tries_max
        telemetry.JOBS.labels(job.name, "dead" if last else "failed").inc()
        if isinstance(wrong, Later | Never):
            log.warning("job failed", reason=reason, failures=failures + 1, dead=last)
        else:
            log.error("job failed", failures=failures + 1, dead=last, exc_info=wrong)
        if last:
            await self._ledger.dead(job_id, attempt, reason)
        else:
            await self._ledger.again(job_id, attempt, failures, reason)
