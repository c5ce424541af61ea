"""Families, elders and businesses: people of the sandbox with accounts, and what the registries know of them."""

import itertools
from collections.abc import AsyncGenerator, Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from msgspec import Struct

from app.accounts.rules import PHONE
from app.core.house import House
from app.core.ids import new_id
from app.core.settings import Settings
from app.delegations import rules
from sandbox import people
from sandbox.phone import Client, Resident
from tests.make import Make
from workers.context import Context, Run, open_context
from workers.registry import WORKERS

GUARDIANS = "/v1/citizen/delegations/guardianships"
BUSINESSES = "/v1/citizen/delegations/businesses"
CARERS = "/v1/citizen/delegations/carers"
DELEGATIONS = "/v1/citizen/delegations"

_numbers = (number for number in itertools.count(20_001) if number % 4)  # every fourth has level 1 only
_businesses = itertools.count(30_000_000)


class Adult(Struct):
    """Somebody signed in by the eID, and who they are there."""

    number: int
    client: Resident
    known: people.Resident


class Kid(Struct):
    subject: str
    number: str
    full_name: str
    birth_date: str

    @property
    def named(self) -> dict[str, str]:
        """As a guardian names them."""
        return {"personal_number": self.number, "birth_date": self.birth_date}


class Town:
    """Who there is, and what the outside says of them."""

    def __init__(self, make: Make, house: House, outside: httpx2.AsyncClient, phone: Callable[[], str]) -> None:
        self.make, self.house, self.outside, self.new_phone = make, house, outside, phone
        self.today = rules.today(house.settings.timezone)

    async def adult(self) -> Adult:
        number = next(_numbers)
        client = self.make.resident()
        await client.sign_in_by_eid(f"resident-{number:04d}")
        return Adult(number, client, people.resident(number))

    async def birth(self, *guardians: Adult, born: date | None = None, order: int = 0) -> Kid:
        body = {"guardians": [one.number for one in guardians], "born": str(born or self.years_ago(10)), "order": order}
        said = (await self.outside.post("/registries/births", json=body)).raise_for_status().json()
        return Kid(said["subject"], said["number"], said["full_name"], said["birth_date"])

    async def company(self, status: str = "active", code: str = "", **roles: Adult) -> str:
        """A business with these people in it; its tax code."""
        code = code or tax_code()
        named = {adult.known.subject: role.replace("_", "-") for role, adult in roles.items()}
        body = {"tax_code": code, "name": f"Công ty {code}", "people": named, "status": status}
        (await self.outside.post("/registries/companies", json=body)).raise_for_status()
        return code

    async def lose(self, adult: Adult, of: str) -> None:
        (
            await self.outside.post("/registries/losses", json={"person": adult.known.number, "of": of})
        ).raise_for_status()

    async def with_phone(self, level: int = 1) -> tuple[Resident, str]:
        """Somebody with an account that has a phone."""
        client, phone = await self.make.citizen(level=level), self.new_phone()
        sealed, index = self.house.crypto.encrypt(PHONE, phone), self.house.crypto.index(PHONE, phone)
        await self.sql(
            "UPDATE account SET phone_sealed = $2, phone_index = $3 WHERE id = $1", await id_of(client), sealed, index
        )
        return client, phone

    def grant(self, phone: str, *scopes: str, days: int = 30) -> dict[str, Any]:
        return {
            "phone": phone,
            "scopes": list(scopes) or ["tickets"],
            "ends_on": str(self.today + timedelta(days=days)),
        }

    async def cared_for(self, *scopes: str) -> tuple[Resident, Resident, dict[str, Any]]:
        """An elder, their carer, and the delegation in force as the carer sees it."""
        elder = await self.make.citizen(level=2)
        carer, phone = await self.with_phone()
        given = await elder.post(CARERS, self.grant(phone, *scopes))
        return elder, carer, await carer.post(f"{DELEGATIONS}/{given['id']}/acceptances")

    def years_ago(self, years: int) -> date:
        return date(self.today.year - years, self.today.month, min(self.today.day, 28))

    async def sql(self, statement: str, *values: Any) -> Any:
        return await self.house.database.hot.fetchval(statement, *values)


def tax_code() -> str:
    """A valid one that nobody has."""
    for number in _businesses:
        base = f"{number:09d}"
        last = 10 - sum(int(d) * w for d, w in zip(base, rules.WEIGHTS, strict=True)) % 11
        if last < 10:
            return f"{base}{last}"
    raise AssertionError


async def id_of(client: Client) -> UUID:
    return UUID((await client.get("/v1/citizen/me"))["id"])


async def stored(town: Town, kid: Kid) -> tuple[int, int]:
    """Accounts and delegations of a child."""
    index = town.house.crypto.index("account.personal_number", kid.number)
    accounts = await town.sql("SELECT count(*) FROM account WHERE number_index = $1", index)
    held = "SELECT count(*) FROM delegation JOIN account ON account.id = account_id WHERE number_index = $1"
    return accounts, await town.sql(held, index)


async def on_behalf(client: Client, account_id: Any, method: str, path: str, *, status: int, **more: Any) -> Any:
    """One request in another's name; its JSON."""
    answer = await client.call(method, path, status=status, headers={"X-On-Behalf-Of": str(account_id)}, **more)
    return answer.json() if answer.content else None


@pytest.fixture
def town(make: Make, house: House, outside: httpx2.AsyncClient, new_phone: Callable[[], str]) -> Town:
    return Town(make, house, outside, new_phone)


@pytest.fixture(scope="session")
async def context(settings: Settings) -> AsyncGenerator[Context]:
    async with open_context(settings) as opened:
        yield opened


@pytest.fixture
def run(context: Context) -> Callable[..., Any]:
    """Do a job now."""

    async def do(job: str, **args: Any) -> None:
        await WORKERS[job](context, Run(new_id(), 1, {name: str(value) for name, value in args.items()}))

    return do
