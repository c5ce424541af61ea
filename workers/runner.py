"""One run of one job: take it, do it within its time, write down how it ended. The only function arq knows."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
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
    """Counts what it did; `stopping` makes it take nothing new."""

    def __init__(self, context: Context, ledger: Ledger) -> None:
        self._context = context
        self._ledger = ledger
        self._under_way: set[asyncio.Task[Any]] = set()
        self.stopping = False
        self.ended: Callable[[], None] = lambda: None
        self.done = 0
        self.failed = 0

    async def run(self, job_id: UUID, attempt: int) -> None:
        """May be called twice for the same hand-over, or for one long over: then nothing happens."""
        if self.stopping:
            return
        task = asyncio.current_task()
        if task is not None:
            self._under_way.add(task)
        try:
            begin_scope()
            row = await self._ledger.take(job_id, attempt)
            if row is not None:
                await self._do(row, job_id, attempt)
        finally:
            if task is not None:
                self._under_way.discard(task)
            self.ended()

    async def finish(self, timeout_s: float) -> None:
        """Take nothing new, let what runs end."""
        self.stopping = True
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=timeout_s)

    async def _do(self, row: Row, job_id: UUID, attempt: int) -> None:
        name = row["job"]
        structlog.contextvars.bind_contextvars(job=name, job_id=str(job_id))
        job, work = all_jobs().get(name), WORKERS.get(name)
        if job is None or work is None:
            await self._ledger.dead(job_id, attempt, "no worker knows this job")
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
