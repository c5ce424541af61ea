"""Residents with a phone, and the app on it: it sends a ticket again, under the same key, until it has its 201."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2

from app.accounts.models import Account, Device
from app.core import sessions, settings
from app.core.ids import new_id
from app.core.principals import Citizen
from app.main.house import open_house
from tests.crash.city import City
from tests.make import PLACE

BACK_OFF_S = 0.3
PATIENCE = 150
NEW_TICKET = {"category_code": "GT-OGM", "description": "Ổ gà lớn giữa đường, xe máy dễ ngã.", "place": PLACE}


@dataclass
class Person:
    account_id: uuid.UUID
    token: str
    phone: str
    filed: list[str] = field(default_factory=list)
    """The tickets of which the app was told 201."""
    replayed: list[str] = field(default_factory=list)
    """Those among them that had been filed by a request whose answer never arrived."""
    refusals: list[str] = field(default_factory=list)
    """What it got instead of a 201."""
    on_told: Callable[[], None] = lambda: None
    """Called the moment a 201 has arrived."""

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def key(self, number: int) -> str:
        return f'"{self.account_id}-{number}"'

    async def file_all(self, api: httpx2.AsyncClient, *numbers: int) -> None:
        """One after the other."""
        for number in numbers:
            await self.file(api, number)

    async def file(self, api: httpx2.AsyncClient, number: int) -> None:
        """One ticket; the app does not give up before the network has been away for long."""
        headers = self.headers | {"Idempotency-Key": self.key(number)}
        for _ in range(PATIENCE):
            try:
                answer = await api.post("/v1/citizen/tickets", json=NEW_TICKET, headers=headers)
            except httpx2.TransportError as wrong:
                self.refusals.append(type(wrong).__name__)
            else:
                if answer.status_code == 201:
                    self._told(answer)
                    return
                self.refusals.append(f"{answer.status_code} {answer.json()['code']}")
            await asyncio.sleep(BACK_OFF_S)
        raise AssertionError(f"never filed: {self.refusals}")

    def _told(self, answer: httpx2.Response) -> None:
        ticket = answer.json()["id"]
        self.filed.append(ticket)
        if "idempotency-replayed" in answer.headers:
            self.replayed.append(ticket)
        self.on_told()


async def residents(city: City, count: int) -> list[Person]:
    """Signed in, each with a phone that rings."""
    phones = await asyncio.gather(*(city.outside.post("/phones", json={"name": "crash"}) for _ in range(count)))
    people: list[Person] = []
    async with open_house(settings.load(city.environment)) as house, house.database.transaction() as db:
        accounts = [_account() for _ in range(count)]
        db.add_all(accounts)
        opened = [sessions.open_session(db, house, "citizen", one.id, {"level": 0}, "crash") for one in accounts]
        await db.flush()
        for account, one, phone in zip(accounts, opened, phones, strict=True):
            tokens = sessions.tokens_of(house, Citizen(account.id, one.session.id, 0), one)
            people.append(Person(account.id, tokens.access_token, phone.json()["token"]))
            db.add(_device(account.id, one.session.id, people[-1].phone))
    return people


async def check_filed(city: City, people: list[Person]) -> None:
    """Every acknowledged ticket is there once and was filed once, and nothing else of these people is there."""
    rows = await city.rows(
        "SELECT t.id, (SELECT count(*) FROM ticket_event e WHERE e.ticket_id = t.id AND e.what = 'filed') AS events"
        " FROM ticket t WHERE t.citizen_id = ANY($1)",
        [person.account_id for person in people],
    )
    assert sorted(str(row["id"]) for row in rows) == sorted(ticket for person in people for ticket in person.filed)
    assert {row["events"] for row in rows} == {1}


async def rung(city: City, person: Person) -> list[str]:
    """The tickets of which the phone has rung, sorted."""
    found: list[Any] = (await city.outside.get(f"/phones/{person.phone}/messages")).json()
    return sorted(one["data"]["id"] for one in found)


def _account() -> Account:
    account_id = new_id()
    row = Account(id=account_id, full_name="Nguyễn Văn An", level=0, language="vi", version=1)
    row.eid_issuer, row.eid_subject, row.created_at = "tests", str(account_id), datetime.now(UTC)
    return row


def _device(account_id: uuid.UUID, session_id: uuid.UUID, phone: str) -> Device:
    return Device(
        id=new_id(),
        account_id=account_id,
        session_id=session_id,
        kind="token",
        value=phone,
        name="crash",
        platform="android",
        created_at=datetime.now(UTC),
    )
