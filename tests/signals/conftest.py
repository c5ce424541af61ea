"""A city that the sandbox can reach, and one in which only the test at hand works."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import httpx2
import pytest
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server
from msgspec import structs

from app.core.house import House
from app.core.porch import Porch
from app.core.settings import Settings
from app.main.composition import create_app
from app.main.house import open_house
from sandbox.phone import Resident, moments
from tests import servers
from workers.context import Context, open_context


@pytest.fixture(scope="module")
async def reached(app: Porch, settings: Settings) -> AsyncGenerator[None]:
    """The API listens where the sandbox sends its signals to."""
    host, port = settings.server.host, settings.server.port
    server = Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        log_access=False,
    )
    serving = asyncio.create_task(server.serve())
    async with httpx2.AsyncClient(base_url=f"http://{host}:{port}") as client:
        async for _ in moments(10):
            try:
                if (await client.get("/health/live")).status_code == 200:
                    break
            except httpx2.TransportError:
                continue
    yield
    server.stop()
    await serving


@dataclass(frozen=True)
class City:
    """No worker works in it: jobs run when the test runs them."""

    house: House
    context: Context
    api: httpx2.AsyncClient
    outside: httpx2.AsyncClient

    def resident(self) -> Resident:
        return Resident(self.api, self.outside)


@pytest.fixture(scope="module")
async def city(
    settings: Settings, addresses: tuple[str, str], process_name: str, outside: httpx2.AsyncClient
) -> AsyncGenerator[City]:
    url = await servers.clone(addresses[0], f"khue_{process_name}_signals")
    own = structs.replace(settings, database_url=url)
    async with open_house(own) as house, open_context(own) as context, create_app(house) as app:
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://khue") as api:
            yield City(house, context, api, outside)
