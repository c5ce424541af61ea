"""What every row stands on: PostgreSQL and Valkey with the settings `khue up` gives them (so commits reach the disk), a
database migrated and seeded, and processes that end with their block."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from app.cli import setup
from app.cli.embedded import Postgres, temporary
from app.cli.home import ROOT, Home, city_environment
from app.cli.process import free_port, stop, tail
from app.core import db, settings
from app.core.crypto import Crypto
from app.core.settings import Settings
from app.core.tokens import Keys
from app.main.house import open_keys
from bench import proc
from seeds import load

READY_S = 30.0

CHANGED = {
    "LIMITS__CALLER_PER_MINUTE": "10000000",
    "LIMITS__CALLER_BURST": "1000000",
    "LOG__LEVEL": "ERROR",
}
"""The rate is asked and counted as ever, but so high that nobody meets it: 500 callers ask more than people do."""


SESSION_SQL = """
SELECT name, setting FROM pg_settings WHERE source = 'client' AND name NOT IN ('application_name', 'client_encoding')
UNION ALL SELECT 'role', current_setting('role')
"""


class Ground:
    def __init__(self, folder: Path, postgres: Postgres, redis_url: str) -> None:
        setup.make_database(postgres.url("postgres"), "khue")
        self.folder = folder
        self.postgres = postgres
        self.url = postgres.url("khue")
        ports = {name: free_port() for name in ("api", "sandbox", "fcm")}
        self.ports = ports
        self.environment = city_environment(Home(folder), ports, self.url, redis_url) | CHANGED
        self.settings: Settings = settings.load(self.environment)
        self.session: dict[str, str] = {}
        """What the API's connections to PostgreSQL have set, for pgbench to set too."""
        self.keys: Keys
        self.postgres_pid = proc.child_named("postgres")
        self.valkey_pid = proc.child_named("valkey-server")

    @contextmanager
    def process(self, *module: str, ready: str = "/health/ready", port: str = "api") -> Generator[int]:
        """`python -m module` in the city's environment, from when it answers; its process id."""
        log = self.folder / f"{module[0]}.log"
        with log.open("ab") as out:
            started = subprocess.Popen(
                [sys.executable, "-m", *module],
                stdout=out,
                stderr=out,
                env=self.process_environment(),
                start_new_session=True,
            )
        try:
            if ready:
                self._await(started, ready, port, log)
            yield started.pid
        finally:
            stop(started, signal.SIGTERM)

    def process_environment(self) -> dict[str, str]:
        """The city's settings, and a cache of compiled code of our own, whatever the shell says of bytecode."""
        cache = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(self.folder / "bytecode")}
        return os.environ | self.environment | cache | {"PYTHONPATH": str(ROOT)}

    def compile(self) -> None:
        """Fill that cache, so that neither times nor memory are those of a compiler."""
        every = "import app.main.serve, bench.load, bench.servers, sandbox.__main__, workers.process"
        subprocess.run([sys.executable, "-c", every], check=True, env=self.process_environment())

    def _await(self, started: "subprocess.Popen[bytes]", path: str, port: str, log: Path) -> None:
        until = time.monotonic() + READY_S
        while time.monotonic() < until and started.poll() is None:
            if answers(self.ports[port], path):
                return
            time.sleep(0.005)  # short, because the time until it answers is a figure
        raise RuntimeError(f"{log.stem} did not start. Its log ends:\n{tail(log)}")


@contextmanager
def ground() -> Generator[Ground]:
    """Everything in folders that go away, on free ports of the loopback."""
    with tempfile.TemporaryDirectory(prefix="khue-bench-") as folder, temporary() as (postgres, valkey):
        made = Ground(Path(folder), postgres, valkey.url())
        made.compile()
        setup.migrate(made.url)
        made.session, made.keys = asyncio.run(_seed(made.settings))
        yield made


async def _seed(chosen: Settings) -> tuple[dict[str, str], Keys]:
    """Load the reference data; the session settings that the API's hot connections have set, and the city's keys."""
    database = await db.connect(chosen)
    await load.load(database)
    rows = await database.hot.fetch(SESSION_SQL)
    keys = await open_keys(chosen, database, Crypto(chosen.crypto))
    await database.close()
    return {row["name"]: row["setting"] for row in rows}, keys


def answers(port: int, path: str) -> bool:
    """Whether a GET is answered with 200."""
    asked = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n".encode()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(asked)
            return connection.recv(4096).startswith(b"HTTP/1.1 200")
    except OSError:
        return False
