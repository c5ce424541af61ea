"""Signing keys turn while the city runs: nobody is signed out, and nobody waits."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

import httpx2
import pytest
from click.testing import CliRunner

from app.cli.commands import main
from app.core import settings as settings_module
from app.core.house import House
from app.core.porch import Porch
from app.main.composition import create_app
from app.main.house import open_house
from sandbox.phone import moments
from tests import servers
from tests.make import Make

Khue = Callable[..., Awaitable[str]]


@pytest.fixture(scope="module")
async def town(environment: dict[str, str], addresses: tuple[str, str], process_name: str) -> dict[str, str]:
    """A database of their own: keys are shared by all of a city."""
    return environment | {"DATABASE_URL": await servers.clone(addresses[0], f"khue_{process_name}_keys")}


@pytest.fixture(scope="module")
async def two(town: dict[str, str], outside: httpx2.AsyncClient) -> AsyncGenerator[tuple[Make, Make]]:
    """Two API processes of one city."""
    settings = settings_module.load(town)
    async with (
        open_house(settings) as first,
        open_house(settings) as second,
        create_app(first) as one,
        create_app(second) as other,
    ):
        yield making(first, one, outside), making(second, other, outside)


def making(house: House, app: Porch, outside: httpx2.AsyncClient) -> Make:
    transport = httpx2.ASGITransport(app)
    return Make(house, httpx2.AsyncClient(transport=transport, base_url="http://khue"), outside)


@pytest.fixture
def khue(town: dict[str, str]) -> Khue:
    """Types a command beside that city; what it says."""

    async def typed(*arguments: str, code: int = 0) -> str:
        done = await asyncio.to_thread(CliRunner().invoke, main, list(arguments), env=town | {"COLUMNS": "200"})
        assert done.exit_code == code, done.output
        return done.output

    return typed


async def rotated(khue: Khue, *arguments: str) -> str:
    """The kid that signs, once the command no longer says to wait."""
    async for _ in moments(10):
        try:
            return (await khue("keys", "rotate", *arguments)).split()[0]
        except AssertionError as wrong:
            assert "again in" in str(wrong)  # noqa: PT017  what else it says fails the test
    raise AssertionError("it never rotated")


async def published(make: Make) -> list[str]:
    return [key["kid"] for key in (await make.nobody().get("/.well-known/jwks.json"))["keys"]]


async def test_two_keys_are_live_and_a_rotation_signs_nobody_out(two: tuple[Make, Make], khue: Khue) -> None:
    first = two[0]
    before = await published(first)
    assert len(before) == 2
    citizen = await first.citizen()
    signer = await rotated(khue)
    assert signer == before[1], "the key that was published as the next one"
    newer = await first.citizen()
    for make in two:
        for one in (citizen, newer):
            known = make.nobody()
            known.token = one.token
            await known.get("/v1/citizen/me")
    async for _ in moments(5):
        after = [await published(make) for make in two]
        if all(len(kids) == 3 for kids in after):
            break
    assert after[0] == after[1] and after[0][0] == signer and before[0] in after[0]  # noqa: PT018


async def test_a_rotation_waits_until_every_process_knows_the_next_key(two: tuple[Make, Make], khue: Khue) -> None:
    await rotated(khue)
    assert "again in 1 s" in await khue("keys", "rotate", code=1)


async def test_a_stolen_key_verifies_nothing_any_more(two: tuple[Make, Make], khue: Khue) -> None:
    first, second = two
    citizen = await first.citizen()
    elsewhere = second.nobody()
    elsewhere.token = citizen.token
    await elsewhere.get("/v1/citizen/me")
    await rotated(khue, "--stolen")
    async for _ in moments(5):
        answer = await second.nobody().api.get("/v1/citizen/me", headers={"Authorization": f"Bearer {citizen.token}"})
        if answer.status_code == 401:
            break
    assert answer.status_code == 401, "a token that was remembered as good is looked at anew"
    fresh = await first.nobody().post("/v1/public/session-refreshes", {"refresh_token": citizen.refresh_token})
    elsewhere.token = fresh["access_token"]
    await elsewhere.get("/v1/citizen/me")


async def test_the_list_names_purposes_and_states_and_no_private_key(two: tuple[Make, Make], khue: Khue) -> None:
    said = await khue("keys", "list")
    for word in ("access", "trail", "current", "next"):
        assert word in said
    assert "for ever" not in said
    await rotated(khue, "trail")
    assert "for ever" in await khue("keys", "list"), "the days that it signed can be checked for ever"
    assert "--stolen" in await khue("keys", "rotate", "trail", "--stolen", code=2)
