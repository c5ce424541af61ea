"""A small believable city: the sandbox's residents and officers, and three months of tickets. The same each time, counted
back from the day it is made."""

import csv
import os
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from PIL import Image, ImageDraw
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account
from app.core.crypto import Crypto
from app.core.db import Base, Database
from app.core.person_keys import PersonKey
from app.core.settings import Settings
from app.departments.directory import Directory
from app.departments.models import Officer, OfficerGrant
from app.tickets import photos, workflow
from app.tickets.catalog import Catalog, due
from app.tickets.filing import ALPHABET
from app.tickets.models import Photo, Ticket, TicketEvent, TicketPhoto
from app.tickets.workflow import Category, Status
from sandbox import people
from seeds.townsfolk import DAYS, account_id, officer_grants, officer_id, officers, residents

FOLDER = Path(__file__).parent / "demo"
TICKETS = 2000
CHUNK = 400
LATE = 0.12
"""The share of tickets that take longer than they should."""

RATINGS = ("satisfied",) * 5 + ("acceptable",) * 2 + ("dissatisfied",) * 3

Row = dict[str, Any]


class NotEmpty(Exception):
    """A sentence for the person at the screen."""


async def make(database: Database, settings: Settings) -> bool:
    """Make the city; False if it is there already. Asks for the reference data. Raises NotEmpty where real people are."""
    async with database.transaction() as db:
        if await db.scalar(select(Account.id).where(Account.id == account_id(1))):
            return False
        if await db.scalar(select(Account.id).limit(1)):
            raise NotEmpty("This database has residents already; the demo city is for one that has none.")
    directory, catalog = Directory(database, settings.timezone), Catalog(database)
    await directory.refresh()
    await catalog.refresh()
    maker = Maker(directory, catalog, datetime.now(UTC).replace(minute=0, second=0, microsecond=0))
    maker.tickets()
    pictures(settings, [row["id"] for row in maker.rows[Photo]])
    async with database.transaction() as db:
        people_keys, accounts = residents(settings, Crypto(settings.crypto))
        await put(db, PersonKey, people_keys)
        await put(db, Account, accounts)
        grants, works = officer_grants(directory, [(one["lat"], one["lon"]) for one in streets()])
        await put(db, Officer, officers(settings, works))
        await put(db, OfficerGrant, grants)
        for table in (Ticket, TicketEvent, Photo, TicketPhoto):
            await put(db, table, maker.rows[table])
    return True


class Maker:
    """Rolls the dice of the tickets, always the same way."""

    def __init__(self, directory: Directory, catalog: Catalog, now: datetime) -> None:
        self._dice = random.Random(2026)
        self._directory = directory
        self._catalog = catalog
        self._now = now
        self._texts = read("tickets")
        self._streets = streets()
        self.rows: dict[type[Base], list[Row]] = {Ticket: [], TicketEvent: [], Photo: [], TicketPhoto: []}

    def tickets(self) -> None:
        minutes = sorted(self._dice.randrange(DAYS * 24 * 60) for _ in range(TICKETS))
        for number, minute in enumerate(minutes):
            self._ticket(number, self._now - timedelta(days=DAYS) + timedelta(minutes=minute))

    def _ticket(self, number: int, filed_at: datetime) -> None:
        text, street = self._dice.choice(self._texts), self._dice.choice(self._streets)
        words = {"street": street["street"], "house": str(self._dice.randrange(1, 300))}
        category = self._catalog.category(text["category_code"])
        lat, lon = (round(street[axis] + self._dice.uniform(-0.002, 0.002), 6) for axis in ("lat", "lon"))
        area = self._directory.nearest(lat, lon)[0].area_code
        accept = self._catalog.deadline(category.kind, category.severity, "accept")
        ticket: Row = {
            "id": uuid5(NAMESPACE_URL, f"khue:ticket:{number}"),
            "code": self._code(),
            "citizen_id": account_id(self._dice.randrange(1, people.RESIDENTS + 1)),
            "kind": category.kind,
            "category_code": category.code,
            "severity": category.severity,
            "status": Status.FILED,
            "description": sentence(text["description"].format_map(words)),
            "address": f"{words['house']} {street['street']}",
            "lat": lat,
            "lon": lon,
            "area_code": area,
            "area_approximate": True,
            "department_code": self._unit(category, area),
            "routed_by": f"category:{category.code} unit:{self._unit(category, area)}",
            "deadline_rule_code": accept.code,
            "filed_at": filed_at,
            "clock_from": filed_at,
            "due_at": due(self._directory.calendar, accept, filed_at),
            "accepted_at": None,
            "answered_at": None,
            "answer": None,
            "reject_code": None,
            "attention": None,
            "rating": None,
            "rating_comment": None,
            "rated_at": None,
            "version": 1,
        }
        self.rows[Ticket].append(ticket)
        self._event(ticket, filed_at, Status.FILED, "citizen")
        self._photo(ticket, ticket["citizen_id"], filed_at, "filed")
        self._live(ticket, category, text["answer"].format_map(words))
        if ticket["status"] in workflow.OPEN and ticket["due_at"] < self._now:
            ticket["attention"] = "overdue"

    def _live(self, ticket: Row, category: Category, answer: str) -> None:
        """As far as its life has come by now."""
        at = self._later(ticket["filed_at"], ticket["due_at"])
        if at > self._now:
            return
        if self._dice.random() < 0.06:
            self._step(ticket, at, Status.REJECTED)
            ticket["reject_code"] = self._dice.choice(("KRO", "TRU", "NTP"))
            return
        rule = self._catalog.deadline(category.kind, category.severity, "resolve")
        self._step(ticket, at, Status.ACCEPTED)
        ticket |= {"accepted_at": at, "clock_from": at, "deadline_rule_code": rule.code}
        ticket["due_at"] = due(self._directory.calendar, rule, at)
        at = self._later(at, ticket["due_at"])
        if at > self._now:
            return
        self._step(ticket, at, Status.ANSWERED)
        ticket |= {"answered_at": at, "answer": answer}
        self._photo(ticket, officer_id(2), at, "proof")
        at += timedelta(hours=self._dice.randrange(1, 72))
        if at > self._now or self._dice.random() < 0.4:
            return
        self._step(ticket, at, Status.RATED, "citizen")
        ticket |= {"rating": self._dice.choice(RATINGS), "rating_comment": "", "rated_at": at}

    def _step(self, ticket: Row, at: datetime, to: Status, actor: str = "officer") -> None:
        ticket["status"] = to
        ticket["version"] += 1
        self._event(ticket, at, to, actor)

    def _event(self, ticket: Row, at: datetime, what: str, actor: str) -> None:
        event = {"ticket_id": ticket["id"], "id": uuid5(ticket["id"], what), "at": at, "what": what}
        officer = officer_id(2) if actor == "officer" else None
        self.rows[TicketEvent].append(event | {"actor_kind": actor, "officer_id": officer, "note": ""})

    def _photo(self, ticket: Row, owner: UUID, at: datetime, role: str) -> None:
        photo_id = uuid5(ticket["id"], f"photo {role}")
        self.rows[Photo].append(
            {
                "id": photo_id,
                "owner_id": owner,
                "sha256": photo_id.bytes * 2,
                "width": 640,
                "height": 480,
                "size": 6000,
                "taken_at": at,
                "taken_lat": None,
                "taken_lon": None,
                "created_at": at,
            }
        )
        self.rows[TicketPhoto].append({"ticket_id": ticket["id"], "photo_id": photo_id, "role": role})

    def _later(self, start: datetime, due_at: datetime) -> datetime:
        share = self._dice.uniform(1.05, 2.0) if self._dice.random() < LATE else self._dice.uniform(0.1, 0.95)
        return start + (due_at - start) * share

    def _unit(self, category: Category, area: str) -> str:
        if not category.unit.startswith("@"):
            return category.unit
        return self._directory.area_unit(area, "police" if category.unit == "@WARD_POLICE" else "committee")

    def _code(self) -> str:
        letters = "".join(self._dice.choice(ALPHABET) for _ in range(8))
        return f"PA-{letters[:4]}-{letters[4:]}"


def pictures(settings: Settings, photo_ids: Sequence[UUID]) -> None:
    """Eight drawings stand for all of them: one file each, linked."""
    folder = Path(settings.uploads.folder)
    drawn: list[Path] = []
    for number in range(8):
        picture = Image.new("RGB", (640, 480), (90 + number * 12, 100, 110))
        ImageDraw.Draw(picture).ellipse((200 - number * 10, 180, 440 + number * 10, 330), fill=(40, 40, 45))
        path = folder / f"demo-{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path, "JPEG", quality=70)
        drawn.append(path)
    for number, photo_id in enumerate(photo_ids):
        path = photos.path_of(settings.uploads, photo_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            os.link(drawn[number % len(drawn)], path)


def sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def read(name: str) -> list[Row]:
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def streets() -> list[Row]:
    return [row | {"lat": float(row["lat"]), "lon": float(row["lon"])} for row in read("streets")]


async def put(db: AsyncSession, table: type[Base], rows: list[Row]) -> None:
    for start in range(0, len(rows), CHUNK):
        await db.execute(insert(table), rows[start : start + CHUNK])
