"""`python -m sandbox --port 8010 --fcm-port 8011 --home folder`: runs until it is told to stop."""

import argparse
import asyncio
import os
import signal
import sys
import warnings
from pathlib import Path

import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

from sandbox.application import build


def main() -> None:
    parser = argparse.ArgumentParser(prog="sandbox")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8010)
    parser.add_argument("--fcm-port", type=int, default=8011)
    parser.add_argument("--home", type=Path, default=Path(".khue/sandbox"))
    asked = parser.parse_args()
    warnings.filterwarnings("ignore", message=".*experimental.*")
    try:
        uvloop.run(serve(asked.host, asked.port, asked.fcm_port, asked.home))
    except KeyError as wrong:
        sys.exit(f"The sandbox needs {wrong} in the environment; `khue sandbox` sets it.")


async def serve(host: str, port: int, fcm_port: int, home: Path) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    app, keys = build(os.environ, home, port)
    plain = Server(app, address=host, port=port, interface=Interfaces.ASGINL, log_access=False, websockets=False)
    tls = Server(
        app,
        address=host,
        port=fcm_port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.auto,
        ssl_cert=keys.certificate,
        ssl_key=keys.certificate_key,
        log_access=False,
        websockets=False,
    )
    serving = [asyncio.create_task(server.serve()) for server in (plain, tls)]
    await asyncio.wait([*serving, asyncio.create_task(stopping.wait())], return_when=asyncio.FIRST_COMPLETED)
    for server in (plain, tls):
        server.stop()
    await asyncio.gather(*serving)


if __name__ == "__main__":
    main()
