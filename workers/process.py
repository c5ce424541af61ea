"""One worker process: the relay and one arq worker a lane, watched over, until it is told to stop."""

import asyncio
import os
import signal
import socket
from typing import Any
from uuid import UUID

import structlog
from arq.connections import ArqRedis, RedisSettings, create_pool
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
    """The process itself; the tests run it too."""
    redis = RedisSettings.from_dsn(settings.redis_url)
    redis.conn_retries = 0  # waiting for Redis is our business
    async with open_context(settings) as context:
        ledger = Ledger(context.database, new_id())
        runner = Runner(context, ledger)
        pool = await _pool(redis)
        relay = Relay(settings, ledger, pool)
        runner.ended = relay.nudge
        name = f"{socket.gethostname()}:{os.getpid()}"
        await ledger.beat(name, 0, 0)
        tasks = [
            asyncio.create_task(relay.listen()),
            asyncio.create_task(relay.hand_over()),
            asyncio.create_task(relay.keep(name, lambda: (runner.done, runner.failed))),
            *(asyncio.create_task(lane(redis, one, runner, settings)) for one in Lane),
        ]
        log.info("working", worker=name)
        await stopping.wait()
        await runner.finish(settings.workers.stop_s)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await ledger.release()
        await pool.aclose(close_connection_pool=True)
    log.info("stopped", worker=name, done=runner.done, failed=runner.failed)


async def lane(redis: RedisSettings, one: Lane, runner: Runner, settings: Settings) -> None:
    """An arq worker for one lane. When Redis goes away arq's main loop ends with an error: start another."""

    async def run(ctx: dict[Any, Any], job_id: str, attempt: int) -> None:
        del ctx
        await runner.run(UUID(job_id), attempt)

    while True:
        try:
            pool = await create_pool(redis)
            try:
                await _consume(pool, one, run, settings)
            finally:
                await pool.aclose(close_connection_pool=True)
        except Exception as wrong:
            log.warning("lane interrupted", lane=one, error=type(wrong).__name__)
        await asyncio.sleep(AGAIN_S)


async def _consume(pool: ArqRedis, one: Lane, run: Any, settings: Settings) -> None:
    """arq's own `close` raises when a job was cancelled and leaves its connections open; so its tasks are ended here."""
    worker: Any = Worker(
        functions=[func(run, name=RUN, keep_result=0, timeout=ARQ_TIMEOUT_S, max_tries=1)],
        redis_pool=pool,
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
        ending = [worker.main_task, *worker.tasks.values()]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)


async def _pool(redis: RedisSettings) -> ArqRedis:
    """Redis may be late: a worker waits for it rather than give up."""
    while True:
        try:
            return await create_pool(redis)
        except Exception as wrong:
            log.warning("Redis does not answer", error=type(wrong).__name__)
            await asyncio.sleep(AGAIN_S)
