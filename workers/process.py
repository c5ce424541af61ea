"""One worker process: the relay and one arq worker a lane, watched over, until it is told to stop."""

import asyncio
import os
import signal
import socket
from typing import Any
from uuid import UUID

import structlog
from arq.connections import ArqRedis
from arq.worker import Worker, func
from prometheus_client import start_http_server

from app.core import log as logs
from app.core import telemetry
from app.core.ids import new_id
from app.core.jobs import Lane
from app.core.settings import Settings
from workers.context import open_context
from workers.ledger import Ledger
from workers.relay import RUN, Relay, jobs_at_once, queue_of
from workers.runner import Runner

log = structlog.get_logger()

AGAIN_S = 0.5
ARQ_TIMEOUT_S = 3600
"""Ours is each job's own `timeout_s`; arq's is only there because it wants one."""


async def serve(settings: Settings) -> None:
    """Blocks until SIGTERM or SIGINT; then finishes what runs and gives back the rest."""
    logs.configure(settings.log)
    telemetry.configure(settings.telemetry, "khue-worker")
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    if settings.workers.metrics_port:
        start_http_server(settings.workers.metrics_port, addr=settings.server.host)
    await work(settings, stopping)


async def work(settings: Settings, stopping: asyncio.Event) -> None:
    """The process itself; the tests run it too. Redis may be away at any time, from the start on."""
    async with open_context(settings) as context:
        ledger = Ledger(context.database, new_id())
        runner = Runner(context, ledger)
        redis = ArqRedis.from_url(settings.redis_url)
        relay = Relay(settings, ledger, redis)
        runner.ended = relay.nudge
        name = f"{socket.gethostname()}:{os.getpid()}"
        await ledger.beat(name, 0, 0)
        living = asyncio.create_task(relay.keep(name, runner))
        taking = [
            asyncio.create_task(relay.listen()),
            asyncio.create_task(relay.hand_over()),
            *(asyncio.create_task(lane(one, runner, settings)) for one in Lane),
        ]
        log.info("working", worker=name)
        await stopping.wait()
        await _end(*taking)
        await runner.finish(settings.workers.stop_s)
        await _end(living)
        await ledger.release()
        await redis.aclose(close_connection_pool=True)
    log.info("stopped", worker=name, done=runner.done, failed=runner.failed)


async def lane(one: Lane, runner: Runner, settings: Settings) -> None:
    """An arq worker for one lane. When Redis goes away arq's main loop ends with an error: start another."""

    async def run(ctx: dict[Any, Any], job_id: str, attempt: int) -> None:
        del ctx
        await runner.run(UUID(job_id), attempt)

    while True:
        redis = ArqRedis.from_url(settings.redis_url)
        try:
            await _consume(redis, one, run, settings)
        except Exception as wrong:
            log.warning("lane interrupted", lane=one, error=type(wrong).__name__)
        finally:
            await redis.aclose(close_connection_pool=True)
        await asyncio.sleep(AGAIN_S)


async def _consume(redis: ArqRedis, one: Lane, run: Any, settings: Settings) -> None:
    """arq's own `close` raises when a job was cancelled and leaves its connections open; so its tasks are ended here."""
    worker: Any = Worker(
        functions=[func(run, name=RUN, keep_result=0, timeout=ARQ_TIMEOUT_S, max_tries=1)],
        redis_pool=redis,
        queue_name=queue_of(one),
        max_jobs=jobs_at_once(one, settings),
        poll_delay=settings.workers.poll_s,
        keep_result=0,
        handle_signals=False,
        health_check_interval=3600,
        health_check_key=f"{queue_of(one)}:health:{os.getpid()}",
    )
    try:
        await worker.async_run()
    finally:
        await _end(worker.main_task, *worker.tasks.values())


async def _end(*tasks: "asyncio.Task[Any] | None") -> None:
    ending = [task for task in tasks if task is not None]
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
