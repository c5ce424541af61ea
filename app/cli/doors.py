"""`khue doors`: every kind of caller at every handler. The guards themselves decide, with nothing behind them."""

import asyncio
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import click
from joserfc.jwk import ECKey
from litestar.connection import ASGIConnection
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct
from rich.table import Column, Table

from app.cli.shell import console
from app.core.auth import Auth, claims_of
from app.core.errors import AppError
from app.core.ids import new_id
from app.core.jobs import all_jobs
from app.core.principals import Citizen, Grant, Officer, Where
from app.core.tokens import Keys, SigningKey
from app.main.doors import DOORS, Door
from seeds import load


class Caller(Struct, frozen=True):
    """A kind of caller: the door their token is for, and what it says."""

    name: str
    audience: str = ""
    claims: dict[str, Any] = {}


def callers() -> list[Caller]:
    """From nobody to those who may the most."""
    every_act = frozenset(row["act"] for row in load.read("role_acts"))
    everything = (Grant(every_act, Where(city=True)),)
    someone, fresh = new_id(), time.time()
    return [
        Caller("nobody"),
        Caller("citizen", "citizen", claims_of(Citizen(someone, someone, 0))),
        Caller("citizen, LoA2 just proved", "citizen", claims_of(Citizen(someone, someone, 2, fresh))),
        Caller("officer", "officer", claims_of(Officer(someone, someone, "SO-XD"))),
        Caller("officer, every act", "officer", claims_of(Officer(someone, someone, "SO-XD", everything))),
        Caller("partner", "partner", {"sub": str(someone), "scope": ""}),
    ]


class Desk:
    """Asks the guards of one handler about one caller."""

    def __init__(self) -> None:
        key = ECKey.generate_key("P-256", parameters={"kid": "doors"})
        self._keys = Keys("khue", [SigningKey("doors", key, signs=True)])
        house = SimpleNamespace(auth=Auth(self._keys), pace=_no_rate)
        self._app = SimpleNamespace(state=SimpleNamespace(house=house))

    async def refused(self, door: Door, handler: HTTPRouteHandler, caller: Caller) -> tuple[int, str] | None:
        """Status and code of the refusal; None: the caller comes in."""
        headers: list[tuple[bytes, bytes]] = []
        if caller.audience:
            token = self._keys.issue(caller.claims, caller.audience, 60)
            headers.append((b"authorization", f"Bearer {token}".encode()))
        scope = {"type": "http", "method": method_of(handler), "headers": headers, "litestar_app": self._app}
        connection: ASGIConnection[Any, Any, Any, Any] = ASGIConnection(cast(Any, scope))
        try:
            for guard in (door.guard, *(handler.guards or ())):
                await cast(Any, guard)(connection, handler)
        except AppError as refusal:
            return refusal.status, refusal.code
        return None


async def _no_rate(*_: object) -> None:
    """Nobody is counted here."""


def method_of(handler: HTTPRouteHandler) -> str:
    return sorted(str(method) for method in handler.http_methods)[0]


async def verdicts(asked: Sequence[Caller]) -> list[tuple[Door, HTTPRouteHandler, list[tuple[int, str] | None]]]:
    """Every handler of every door, with the refusal of each caller."""
    desk = Desk()
    return [
        (door, handler, [await desk.refused(door, handler, caller) for caller in asked])
        for door in DOORS
        for handler in door.handlers
    ]


@click.command()
def doors() -> None:
    """Every door with its handlers, and who gets in."""
    asked = callers()
    table = Table("method", Column("path", no_wrap=True), *(caller.name for caller in asked), box=None)
    for door, handler, refusals in asyncio.run(verdicts(asked)):
        said = ["yes" if refusal is None else "{} {}".format(*refusal) for refusal in refusals]
        for path in sorted(handler.paths):
            table.add_row(method_of(handler), door.path + path, *said)
    console.print(table)
    console.print(f"Jobs: {', '.join(sorted(all_jobs()))}")
