"""One set of servers for all crashes: PostgreSQL as durable as a city's (fsync on), Valkey, the sandbox."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx2
import pytest

from app.cli import setup
from app.cli.embedded import temporary
from app.core import db
from seeds import load
from tests import servers
from tests.crash.city import City

QUICK = {
    "LIMITS__CALLER_PER_MINUTE": "100000",
    "LIMITS__CALLER_BURST": "10000",
    "WORKERS__HEARTBEAT_S": "0.2",
    "WORKERS__DEAD_AFTER_S": "1.0",
    "WORKERS__LOST_AFTER_S": "1.0",
    "WORKERS__POLL_S": "0.02",
    "WORKERS__SWEEP_S": "0.2",
    "LOG__LEVEL": "WARNING",
}


@pytest.fixture(scope="package")
async def town(bytecode: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[City]:
    folder = tmp_path_factory.mktemp("crash")
    with temporary() as (postgres, valkey):
        await asyncio.to_thread(_furnish, postgres.url("postgres"), postgres.url())
        with servers.city(folder, postgres.url(), valkey.url(), **QUICK, **bytecode) as environment:
            base = environment["SMS__URL"].removesuffix("/sms/messages")
            async with _client(environment["SERVER__PUBLIC_URL"], 250) as api, _client(base, 50) as outside:
                yield City(folder, postgres, valkey, environment, api, outside)


@pytest.fixture
async def city(town: City) -> City:
    """Whole again, with nothing to do."""
    await town.mend()
    return town


def _client(base_url: str, connections: int) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=base_url, timeout=20, limits=httpx2.Limits(max_connections=connections))


def _furnish(server: str, url: str) -> None:
    setup.make_database(server, Path(url).name)
    setup.migrate(url)
    asyncio.run(_load(url))


async def _load(url: str) -> None:
    database = await db.connect(servers.plain_settings(url))
    await load.load(database)
    await database.close()
