"""The doors: audience = router = guard = OpenAPI document, said once, here."""

from collections.abc import Sequence
from typing import Any

from litestar import Router
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from app.accounts import routes as accounts
from app.core import door, guards
from app.core.guards import Guard
from app.credentials import routes as credentials
from app.departments import routes as departments
from app.notifications import routes as notifications
from app.tickets import routes as tickets


class Door(Struct, frozen=True):
    """One audience and what it may ask for."""

    audience: str
    path: str
    guard: Guard
    handlers: Sequence[HTTPRouteHandler]
    title: str


DOORS = [
    Door(
        "public",
        "/v1/public",
        guards.anyone,
        [*accounts.public, *credentials.public, *departments.public, *tickets.public],
        "Khuê: open to everybody",
    ),
    Door(
        "citizen",
        "/v1/citizen",
        guards.door("citizen"),
        [*accounts.citizen, *credentials.citizen, *notifications.citizen, *tickets.citizen],
        "Khuê: for residents",
    ),
    Door(
        "officer",
        "/v1/officer",
        guards.door("officer"),
        [*departments.officer, *tickets.officer],
        "Khuê: for the city's officers",
    ),
    Door("partner", "/v1/partner", guards.door("partner"), [], "Khuê: for partner systems"),
]


def routers() -> list[Router]:
    return [
        Router(
            one.path,
            route_handlers=one.handlers,
            guards=[one.guard],
            middleware=[door.transactional],
            dependencies={
                "db": Provide(door.provide_db),
                "once": Provide(door.provide_once),
                "claim": Provide(door.provide_claim),
                "me": Provide(guards.provide_me, sync_to_thread=False),
            },
            tags=[one.audience],
        )
        for one in DOORS
    ]


SHARED = ("house", "directory", "catalog", "filing", "reading", "views", "staff", "eid", "belongings")
"""What handlers may name besides their input: made once a process."""


def provide_shared(given: dict[str, Any]) -> dict[str, Provide]:
    """Without the things themselves the application can describe itself, not serve."""
    return {name: Provide(_always(given.get(name)), sync_to_thread=False) for name in SHARED}


def _always(thing: Any) -> Any:
    def provide() -> Any:
        return thing

    return provide
