"""Serves one API process until it is told to stop: then refuses the new with 503, finishes what it began, and leaves."""

import asyncio
import gc
import signal

import structlog
import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from app.core import log, telemetry
from app.core.settings import Settings
from app.main.composition import create_app
from app.main.house import open_house

logger = structlog.get_logger()


def run(settings: Settings) -> None:
    """Blocks until SIGTERM or SIGINT."""
    log.configure(settings.log)
    telemetry.configure(settings.telemetry, "khue-api")
    uvloop.run(serve(settings))


async def serve(settings: Settings) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with open_house(settings) as house, create_app(house) as app:
        server = Server(
            app,
            address=settings.server.host,
            port=settings.server.port,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=10_000, max_buffer_size=64 * 1024),
            websockets=False,
            backlog=1024,
            log_access=False,
        )
        serving = asyncio.create_task(server.serve())
        settle_garbage()
        logger.info("serving", host=settings.server.host, port=settings.server.port)
        await asyncio.wait([serving, asyncio.create_task(stopping.wait())], return_when=asyncio.FIRST_COMPLETED)
        app.drain()
        await app.drained(settings.server.drain_s)
        server.stop()
        await serving
    logger.info("stopped")


def settle_garbage() -> None:
    """What stands after the start stays: keep it out of every later collection (measured: p99 102 → 21 ms)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
