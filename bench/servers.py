"""The three servers that exist for the bench only: `python -m bench.servers bare|checked|alone`, in a process of their own.

`bare` is Litestar with one handler on the same server: what the framework can do at all. `checked` is the same behind the
residents' door: the token is checked, the caller's rate is taken, no database. `alone` is the city with its
coalescing limited to one item a statement, on as many lanes as the hot pool has connections.
"""

import asyncio
import os
import runpy
import signal
import sys
from typing import Any

import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server
from litestar import Litestar, Router, get
from litestar.datastructures import State

from app.core import guards, settings
from app.core.batch import Batch
from app.core.settings import Database
from app.main.house import open_house
from app.main.serve import settle_garbage


@get("/")
async def hello() -> dict[str, str]:
    """The smallest answer there is."""
    return {"status": "ok"}


async def checked() -> None:
    """Blocks until SIGTERM."""
    chosen = settings.load(os.environ)
    async with open_house(chosen) as house:
        behind = Router("/v1/citizen/nothing", route_handlers=[hello], guards=[guards.door("citizen")])
        await serve([behind, hello], chosen.server.port, State({"house": house}))


async def serve(handlers: list[Any], port: int, state: State | None = None) -> None:
    """Blocks until SIGTERM."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    app = Litestar(handlers, state=state, openapi_config=None, logging_config=None)
    server = Server(
        app,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        backlog=1024,
        log_access=False,
    )
    serving = asyncio.create_task(server.serve())
    settle_garbage()
    await stopping.wait()
    server.stop()
    await serving


def alone() -> None:
    """The API as it is, but for the batches; blocks until SIGTERM."""
    lanes = int(os.environ.get("DATABASE__HOT_POOL_SIZE", Database().hot_pool_size))
    make: Any = Batch.__init__

    def make_alone(self: Any, run: Any, **_: Any) -> None:
        make(self, run, most=1, lanes=lanes)

    Batch.__init__ = make_alone
    runpy.run_module("app.main", run_name="__main__")


if __name__ == "__main__":
    if sys.argv[1] == "bare":
        uvloop.run(serve([hello], int(os.environ["SERVER__PORT"])))
    elif sys.argv[1] == "checked":
        uvloop.run(checked())
    else:
        alone()
