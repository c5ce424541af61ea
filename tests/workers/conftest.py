"""A database in which only the test at hand works."""

from collections.abc import AsyncGenerator

import pytest
from msgspec import structs

from app.core import db
from app.core.db import Database
from app.core.settings import Settings
from tests import servers


@pytest.fixture(scope="module")
async def alone(settings: Settings, addresses: tuple[str, str], process_name: str) -> Settings:
    """A database in which no worker works, and queues that no other worker empties."""
    url = await servers.clone(addresses[0], f"khue_{process_name}_jobs")
    number = int(process_name.removeprefix("gw")) + 9
    return structs.replace(settings, database_url=url, redis_url=addresses[1].replace("/0", f"/{number}"))


@pytest.fixture(scope="module")
async def opened(alone: Settings) -> AsyncGenerator[Database]:
    database = await db.connect(alone)
    yield database
    await database.close()


@pytest.fixture
async def quiet(opened: Database) -> Database:
    """No job of another test in it."""
    await opened.hot.execute("DELETE FROM outbox")
    return opened
