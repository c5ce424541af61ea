"""The judges, started for one test module each, and a city that has them for its outside."""

import json
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.cli.process import free_port, stop
from app.core import settings as settings_module
from app.main.composition import create_app
from app.main.house import open_house
from sandbox import people
from sandbox.phone import Resident
from tests import contract

HERE = Path(__file__).parent
NODE = Path(sys.executable).with_name("node")
RETURN = "http://127.0.0.1/return"

City = Callable[[str], AbstractAsyncContextManager[Resident]]


class Judge:
    """A server in Node: says `ready`, and answers each line that it is told with one of its own."""

    def __init__(self, running: "subprocess.Popen[str]", port: int) -> None:
        self._running = running
        self.issuer = f"http://127.0.0.1:{port}"

    def hear(self, word: str) -> None:
        """Wait for a line with this word and nothing else; they say other things, too."""
        assert self._running.stdout
        assert any(line.strip() == word for line in self._running.stdout), (
            "it ended; `make interop` installs what it needs"
        )

    def tell(self, what: dict[str, Any]) -> None:
        assert self._running.stdin
        self._running.stdin.write(json.dumps(what) + "\n")
        self._running.stdin.flush()
        self.hear("told")


@contextmanager
def judge(script: str, configuration: dict[str, Any]) -> Generator[Judge]:
    """One of the scripts beside this file, running until the block ends."""
    at = free_port()
    command = [NODE, HERE / script, str(at), json.dumps(configuration)]
    running = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        started = Judge(running, at)
        started.hear("ready")
        yield started
    finally:
        stop(running, signal.SIGTERM)
        for pipe in (running.stdin, running.stdout):
            assert pipe
            pipe.close()


def vouched(number: int) -> dict[str, Any]:
    """A test person as another provider's account."""
    known = people.resident(number)
    return {
        "sub": f"npm-{number}",
        "acr": "LoA2",
        "claims": {
            "HoVaTen": known.full_name,
            "SoDinhDanh": known.number,
            "NgayThangNamSinh": known.birth_date.strftime("%Y%m%d"),
        },
    }


@pytest.fixture
def city(environment: dict[str, str]) -> City:
    """A city whose national eID is at this issuer; somebody in it who is not signed in yet."""

    @asynccontextmanager
    async def opened(issuer: str) -> AsyncGenerator[Resident]:
        changed = {"EID__ISSUER": issuer, "EID__DISCOVERY_URL": issuer, "EID__REDIRECT_URI": RETURN}
        settings = settings_module.load(environment | changed)
        async with open_house(settings) as house, create_app(house) as app:
            transport, hooks = httpx2.ASGITransport(app), {"response": [contract.check]}
            async with (
                httpx2.AsyncClient(transport=transport, base_url="http://khue", event_hooks=hooks) as api,
                httpx2.AsyncClient(timeout=10) as browser,
            ):
                yield Resident(api, browser)

    return opened
