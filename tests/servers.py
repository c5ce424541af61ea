"""The real servers behind the tests: one PostgreSQL and one Valkey a run, one database and one sandbox a test process."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from app.cli import setup
from app.cli.embedded import temporary
from app.cli.home import ROOT, Home, city_environment
from app.cli.process import free_port, looks, stop, tail
from app.core import db, settings
from app.core.settings import Settings
from seeds import load

TEMPLATE = "khue_template"
QUICK = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "on", "max_connections": "120"}


@contextmanager
def shared() -> Generator[tuple[str, str]]:
    """Addresses of PostgreSQL (its `postgres` database) and Redis: given by the environment, or started here."""
    if os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"):
        yield with_database(os.environ["DATABASE_URL"], "postgres"), os.environ["REDIS_URL"]
        return
    with temporary(QUICK) as (postgres, valkey):
        yield postgres.url("postgres"), valkey.url()


def with_database(url: str, name: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{name}"))


async def make_template(server: str) -> None:
    """A database migrated and with the reference data, to be cloned."""
    url = with_database(server, TEMPLATE)
    await drop(server, TEMPLATE)
    await asyncio.to_thread(setup.make_database, server, TEMPLATE)
    await asyncio.to_thread(setup.migrate, url)
    database = await db.connect(plain_settings(url))
    await load.load(database)
    await database.close()


async def clone(server: str, name: str) -> str:
    await drop(server, name)
    await execute(server, f'CREATE DATABASE "{name}" TEMPLATE {TEMPLATE}')
    return with_database(server, name)


async def drop(server: str, name: str) -> None:
    await execute(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def plain_settings(url: str, redis: str = "redis://127.0.0.1:1/0") -> Settings:
    with tempfile.TemporaryDirectory() as folder:
        ports = {"api": 1, "sandbox": 1, "fcm": 1}
        return settings.load(city_environment(Home(Path(folder)), ports, url, redis))


@contextmanager
def city(folder: Path, database_url: str, redis_url: str, **changed: str) -> Generator[dict[str, str]]:
    """A sandbox in a process of its own, and the environment of a city that has it for its outside."""
    with ExitStack() as stack:
        ports = {"api": free_port(), "sandbox": free_port(), "fcm": free_port()}
        environment = city_environment(Home(folder), ports, database_url, redis_url) | changed
        arguments = ["-m", "sandbox", "--port", str(ports["sandbox"]), "--fcm-port", str(ports["fcm"])]
        command = [*arguments, "--home", str(folder / "sandbox")]
        stack.enter_context(process(folder / "sandbox.log", environment, *command))
        wait_for(f"http://127.0.0.1:{ports['sandbox']}/", folder / "sandbox.log")
        yield environment


@contextmanager
def process(log: Path, environment: dict[str, str], *command: str) -> Generator["subprocess.Popen[bytes]"]:
    """A Python process that ends with the block."""
    with log.open("ab") as out:
        whole = os.environ | environment | {"PYTHONPATH": str(ROOT)}
        started = subprocess.Popen(
            [sys.executable, *command], stdout=out, stderr=out, env=whole, start_new_session=True
        )
        try:
            yield started
        finally:
            stop(started, signal.SIGTERM)


def wait_for(url: str, log: Path, seconds: float = 30) -> None:
    for _ in looks(seconds):
        with suppress(OSError), urllib.request.urlopen(url, timeout=1):
            return
    raise AssertionError(f"{url} does not answer:\n{tail(log)}")
