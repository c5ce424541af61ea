"""The doors: audience = router = guard = OpenAPI document, said once, here."""

from collections.abc import Sequence
from typing import Any

from litestar import Router
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from app.accounts import routes as accounts
from app.consents import routes as consents
from app.core import door, guards, reasons
from app.core.guards import Guard
from app.credentials import routes as credentials
from app.data_requests import routes as data_requests
from app.delegations import routes as delegations
from app.delegations import service as delegation_service
from app.departments import routes as departments
from app.departments import routes_officers as officers
from app.desk import routes as desk
from app.notifications import routes as notifications
from app.signals import routes as signals
from app.tickets import routes as tickets
from app.trail import routes as trail


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
        [
            *accounts.public,
            *credentials.public,
            *consents.public,
            *departments.public,
            *signals.public,
            *tickets.public,
            *trail.public,
        ],
        "Khuê: open to everybody",
    ),
    Door(
        "citizen",
        "/v1/citizen",
        guards.door("citizen", on_behalf=delegation_service.resolve),
        [
            *accounts.citizen,
            *credentials.citizen,
            *consents.citizen,
            *data_requests.citizen,
            *delegations.citizen,
            *notifications.citizen,
            *tickets.citizen,
            *trail.citizen,
        ],
        "Khuê: for residents",
    ),
    Door(
        "officer",
        "/v1/officer",
        guards.door("officer"),
        [*officers.officer, *desk.officer, *data_requests.officer, *tickets.officer],
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
                "access_reason": Provide(reasons.provide_reason),
                "me": Provide(guards.provide_me, sync_to_thread=False),
            },
            tags=[one.audience],
        )
        for one in DOORS
    ]


SHARED = (
    "house",
    "profiles",
    "directory",
    "catalog",
    "filing",
    "reading",
    "views",
    "staff",
    "eid",
    "registries",
    "belongings",
)
"""What handlers may name besides their input: made once a process."""


def provide_shared(given: dict[str, Any]) -> dict[str, Provide]:
    """Without the things themselves the application can describe itself, not serve."""
    return {name: Provide(_always(given.get(name)), sync_to_thread=False) for name in SHARED}


def _always(thing: Any) -> Any:
    def provide() -> Any:
        return thing

    return provide
