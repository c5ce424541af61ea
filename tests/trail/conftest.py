"""A city with a database of its own, where days pass when a test says so."""

import json
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from msgspec import structs

from app.cli.home import ROOT
from app.core import audit
from app.core.house import House
from app.core.ids import new_id
from app.core.principals import Principal
from app.core.settings import Settings
from app.main.composition import create_app
from app.main.house import open_house
from app.trail import checking, sealing
from app.trail.checking import Finding
from sandbox.phone import Resident
from tests import contract, servers
from tests.make import Make

PATH = "/v1/citizen/me/accesses"


@dataclass
class Town:
    """What the tests of the trail do with their city."""

    house: House
    make: Make
    now: datetime

    async def happens(self, who: Principal, action: str = "tested", **more: Any) -> UUID:
        async with self.house.database.transaction() as db:
            return audit.record(db, who, action, "thing", new_id(), **more)

    async def pass_day(self) -> date:
        """What happened since the last one was on this day; the day ends and is sealed, the next one begins."""
        waiting = "SELECT entry_id FROM trail_pending"
        await self.tamper(f"UPDATE audit_entry SET at = '{self.now.isoformat()}' WHERE id IN ({waiting})")
        self.now += timedelta(days=1)
        day = await self.seal()
        assert day is not None
        return day

    async def seal(self) -> date | None:
        house = self.house
        return await sealing.seal_next(house.database, house.crypto, "khue", self.now)

    async def findings(self, since: date | None = None, until: date | None = None) -> list[str]:
        async with self.house.database.transaction() as db:
            found = [one async for one in checking.verify(db, since, until)]
        return [f"{one.day} {one.entry_id} {one.said}" for one in found if isinstance(one, Finding)]

    async def tamper(self, *statements: str) -> None:
        """As the owner of the tables, who may do everything."""
        connection = await asyncpg.connect(self.house.settings.database_url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


@asynccontextmanager
async def _open(
    settings: Settings, addresses: tuple[str, str], name: str, outside: httpx2.AsyncClient
) -> AsyncGenerator[Town]:
    own = structs.replace(settings, database_url=await servers.clone(addresses[0], name))
    async with open_house(own) as house, create_app(house) as app:
        hooks = {"response": [contract.check]}
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://khue", event_hooks=hooks) as api:
            yield Town(house, Make(house, api, outside), long_ago())


def long_ago() -> datetime:
    """A noon, so that days can pass."""
    return datetime.combine(datetime.now(UTC).date() - timedelta(days=60), time(12), UTC)


async def id_of(citizen: Resident) -> UUID:
    return UUID((await citizen.get("/v1/citizen/me"))["id"])


async def opened(town: Town, citizen: Resident, **more: Any) -> str:
    """An officer opens the account."""
    columns = {
        "id": new_id(),
        "at": datetime.now(UTC),
        "actor_kind": "officer",
        "actor_id": new_id(),
        "unit": "SO-XD",
        "account_id": await id_of(citizen),
        "action": "account.opened",
        "subject_kind": "account",
        "subject_id": "",
        "reason": "gọi lại theo yêu cầu",
        "address": "10.1.2.3",
        "request_id": "req-12345678",
        "facts": {},
    } | more
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    await town.house.database.hot.execute(
        f"INSERT INTO audit_entry ({', '.join(columns)}) VALUES ({places})", *columns.values()
    )
    return str(columns["id"])


def script(folder: Path, proof: Any, keys: Any, *more: str) -> tuple[int, str]:
    """What the script of the documentation says to a resident: exit code and words."""
    (folder / "proof.json").write_text(json.dumps(proof) if not isinstance(proof, str) else proof)
    (folder / "keys.json").write_text(json.dumps(keys))
    done = subprocess.run(
        [sys.executable, "-I", str(ROOT / "docs" / "verify-trail-entry.py"), "proof.json", "keys.json", *more],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
async def town(
    settings: Settings, addresses: tuple[str, str], process_name: str, outside: httpx2.AsyncClient
) -> AsyncGenerator[Town]:
    """For what leaves the trail whole."""
    async with _open(settings, addresses, f"khue_{process_name}_trail", outside) as made:
        yield made


@pytest.fixture(scope="module")
async def breakable(
    settings: Settings, addresses: tuple[str, str], process_name: str, outside: httpx2.AsyncClient
) -> AsyncGenerator[Town]:
    async with _open(settings, addresses, f"khue_{process_name}_broken", outside) as made:
        yield made


@pytest.fixture
async def victim(breakable: Town) -> Town:
    """For one test that breaks it: nothing has happened yet, nothing is sealed."""
    await breakable.tamper(
        "TRUNCATE trail_day, trail_leaf, trail_pending, audit_entry", "DELETE FROM signing_key WHERE kid = 'evil'"
    )
    return Town(breakable.house, breakable.make, long_ago())
