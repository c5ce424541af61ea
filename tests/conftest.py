"""What every test stands on. Each test makes its own data; nothing is cleaned up in between, nothing is shared."""

import asyncio
import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from app.core import log
from app.core import settings as settings_module
from app.core.house import House
from app.core.porch import Porch
from app.core.settings import Settings
from app.main.composition import create_app
from app.main.house import open_house
from sandbox.phone import Officer, Resident, moments
from tests import contract, servers
from tests.make import Make
from workers.process import work

SERVERS = pytest.StashKey[ExitStack]()
ADDRESSES = pytest.StashKey[tuple[str, str]]()


def pytest_configure(config: pytest.Config) -> None:
    """The first process starts the servers and the template; the others are told where."""
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    stack = ExitStack()
    config.stash[SERVERS] = stack
    config.stash[ADDRESSES] = stack.enter_context(servers.shared())
    asyncio.run(servers.make_template(config.stash[ADDRESSES][0]))


def pytest_configure_node(node: object) -> None:
    node.workerinput["addresses"] = node.config.stash[ADDRESSES]  # type: ignore[attr-defined]  # xdist names no type for it


def pytest_unconfigure(config: pytest.Config) -> None:
    if SERVERS in config.stash:
        config.stash[SERVERS].close()


@pytest.fixture(scope="session")
def addresses(pytestconfig: pytest.Config) -> tuple[str, str]:
    """PostgreSQL (its `postgres` database) and Redis."""
    given = getattr(pytestconfig, "workerinput", None)
    return tuple(given["addresses"]) if given else pytestconfig.stash[ADDRESSES]


@pytest.fixture(scope="session")
def process_name() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "gw0")


@pytest.fixture(scope="session")
async def environment(
    addresses: tuple[str, str], process_name: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[dict[str, str]]:
    server, redis = addresses
    url = await servers.clone(server, f"khue_{process_name}")
    number = int(process_name.removeprefix("gw")) + 1
    changed = {
        "LIMITS__CALLER_PER_MINUTE": "100000",
        "LIMITS__CALLER_BURST": "10000",
        "LIMITS__CODES_PER_ADDRESS": "100000",
        "SERVER__BODY_TIMEOUT_S": "0.3",
        "TOKENS__REVOCATION_POLL_S": "0.1",
        "TOKENS__KEYS_READ_S": "0.1",
        "WORKERS__HEARTBEAT_S": "0.2",
        "WORKERS__DEAD_AFTER_S": "1.0",
        "WORKERS__LOST_AFTER_S": "1.0",
        "WORKERS__POLL_S": "0.02",
        "WORKERS__SWEEP_S": "0.2",
        "EID__KEYS_AGAIN_S": "0",
        "RECHECKS__PERIOD_S": "0",
        "HTTP__BREAKER_OPEN_S": "0.3",
        "HTTP__TIMEOUT_S": "2",
        "LOG__LEVEL": "ERROR",
    }
    with servers.city(tmp_path_factory.mktemp("city"), url, redis.replace("/0", f"/{number}"), **changed) as made:
        yield made


@pytest.fixture(scope="session")
def bytecode() -> Generator[dict[str, str]]:
    """Where the shell forbids bytecode, a cache of its own: else each of the many processes would compile for seconds."""
    if not sys.dont_write_bytecode:
        yield {}
        return
    folder = tempfile.mkdtemp(prefix="khue-bytecode-")
    yield {"PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def settings(environment: dict[str, str]) -> Settings:
    made = settings_module.load(environment)
    log.configure(made.log)
    return made


@pytest.fixture(scope="session")
async def house(settings: Settings) -> AsyncGenerator[House]:
    async with open_house(settings) as opened:
        yield opened


@pytest.fixture(scope="session")
async def app(house: House) -> AsyncGenerator[Porch]:
    async with create_app(house) as made:
        yield made


@pytest.fixture(scope="session")
async def api(app: Porch) -> AsyncGenerator[httpx2.AsyncClient]:
    """The API, without a network; each answer is held against the documents."""
    transport = httpx2.ASGITransport(app)
    hooks = {"response": [contract.check]}
    async with httpx2.AsyncClient(transport=transport, base_url="http://khue", event_hooks=hooks) as client:
        yield client


@pytest.fixture(scope="session")
async def outside(settings: Settings) -> AsyncGenerator[httpx2.AsyncClient]:
    """The sandbox."""
    base = settings.sms.url.removesuffix("/sms/messages")
    async with httpx2.AsyncClient(base_url=base, timeout=10) as client:
        yield client


@pytest.fixture(scope="session")
async def worker(settings: Settings) -> AsyncGenerator[None]:
    """A worker process's insides, running beside the tests."""
    stopping = asyncio.Event()
    task = asyncio.create_task(work(settings, stopping))
    yield
    stopping.set()
    await task


@pytest.fixture
async def no_faults(outside: httpx2.AsyncClient) -> AsyncGenerator[None]:
    """The sandbox behaves again after the test."""
    yield
    await outside.delete("/faults")


@pytest.fixture
async def eid_well(outside: httpx2.AsyncClient, api: httpx2.AsyncClient) -> AsyncGenerator[None]:
    """After the test the eID behaves again, and our circuit breaker has noticed."""
    yield
    await outside.delete("/faults")
    async for _ in moments(5):
        if (await api.post("/v1/public/eid-sign-ins", json={"level": 1})).status_code == 201:
            return


@pytest.fixture(scope="session")
def make(house: House, api: httpx2.AsyncClient, outside: httpx2.AsyncClient) -> Make:
    return Make(house, api, outside)


@pytest.fixture
async def citizen(make: Make) -> Resident:
    return await make.citizen()


@pytest.fixture
async def officer(make: Make) -> Officer:
    """Of Sở Xây dựng, with every act on its tickets."""
    return await make.officer("SO-XD")


_phones = itertools.count(1)


@pytest.fixture
def new_phone(process_name: str) -> Callable[[], str]:
    """Numbers nobody else has."""
    number = int(process_name.removeprefix("gw"))
    return lambda: f"+8498{number:01d}{next(_phones):06d}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
