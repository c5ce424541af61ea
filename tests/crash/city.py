"""A city whose every part can be killed: servers that keep what they are told, a sandbox, the API and workers as processes."""

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx2

from app.cli.embedded import Postgres, Valkey
from app.cli.process import tail
from sandbox.phone import moments
from tests import servers

Process = subprocess.Popen[bytes]

READY_S = 20
DRAINED_S = 20


class TooLate(AssertionError):
    """A fact that did not come true in its time."""


@dataclass(frozen=True)
class City:
    folder: Path
    postgres: Postgres
    valkey: Valkey
    environment: dict[str, str]
    api: httpx2.AsyncClient
    outside: httpx2.AsyncClient

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[Process]:
        """An API process that is ready."""
        with servers.process(self.folder / "api.log", self.environment, "-m", "app.main") as process:
            await self.until("the API is ready", self._ready, READY_S)
            yield process

    @asynccontextmanager
    async def working(self) -> AsyncGenerator[Process]:
        """A worker process that has said that it lives."""
        with servers.process(self.folder / "worker.log", self.environment, "-m", "workers") as process:
            name = f"{socket.gethostname()}:{process.pid}"
            await self.until_row("SELECT 1 FROM worker WHERE name = $1", name, seconds=READY_S)
            yield process

    async def rows(self, query: str, *values: Any) -> list[Any]:
        """Asked over a connection of its own: what stood open before a crash is of no use after it."""
        connection = await asyncpg.connect(self.environment["DATABASE_URL"], timeout=5)
        try:
            return await connection.fetch(query, *values)
        finally:
            await connection.close()

    async def until_row(self, query: str, *values: Any, seconds: float = DRAINED_S) -> None:
        """Waits until the query finds something."""

        async def found() -> bool:
            with suppress(OSError, asyncpg.PostgresError):
                return bool(await self.rows(query, *values))
            return False

        await self.until(query, found, seconds)

    async def until_drained(self, seconds: float = DRAINED_S) -> None:
        """Waits until every push that is due has been sent, or has died."""
        await self.until_row(
            "SELECT WHERE NOT EXISTS (SELECT FROM outbox WHERE job IN ('ticket-filed', 'push'))", seconds=seconds
        )

    async def until(self, said: str, fact: Callable[[], Awaitable[bool]], seconds: float) -> None:
        """Waits for a fact. Raises TooLate with what the processes and the outbox say."""
        async for _ in moments(seconds):
            if await fact():
                return
        logs = "\n".join(f"{name}: {tail(self.folder / f'{name}.log', 5)}" for name in ("api", "worker"))
        raise TooLate(f"not within {seconds} s: {said}\n{await self._left()}\n{logs}")

    async def fault(self, system: str, **fault: Any) -> None:
        (await self.outside.put(f"/faults/{system}", json=fault)).raise_for_status()

    async def in_flight(self) -> int:
        """How many requests the API has begun and not answered, this question left out."""
        said = (await self.api.get("/metrics")).text
        line = next(one for one in said.splitlines() if one.startswith("khue_requests_in_flight"))
        return int(float(line.split()[1])) - 1

    async def mend(self) -> None:
        """All as at the beginning, whatever the last test left: servers up, nothing due, no faults."""
        for server in (self.postgres, self.valkey):
            if server._process is None:
                await asyncio.to_thread(server.start)
        await self.rows("DELETE FROM outbox")
        await self.outside.delete("/faults")

    def pull_the_plug(self) -> None:
        """PostgreSQL as a power cut leaves it: its backends lead process groups of their own, so each is killed by name."""
        postmaster = self.postgres._process
        assert postmaster is not None
        backends = Path(f"/proc/{postmaster.pid}/task/{postmaster.pid}/children")
        pids = [int(pid) for pid in backends.read_text().split()] if backends.exists() else []
        self.postgres.kill()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    async def _ready(self) -> bool:
        with suppress(httpx2.TransportError):
            return (await self.api.get("/health/ready")).status_code == 200
        return False

    async def _left(self) -> str:
        try:
            left = await self.rows("SELECT job, state, count(*) AS n, max(error) AS e FROM outbox GROUP BY 1, 2")
        except (OSError, asyncpg.PostgresError) as wrong:
            return f"PostgreSQL: {wrong}"
        return ", ".join(f"{row['n']} {row['job']} {row['state']} ({row['e']})" for row in left) or "nothing is due"
