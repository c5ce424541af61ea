"""Puts the application together: doors, the one renderer of errors, the pages of the house, and the porch before it all."""

from typing import Any

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.types import Scope

from app.core.house import House
from app.core.jobs import Lane
from app.core.porch import Porch
from app.departments.directory import Directory
from app.main import problems, system
from app.main.doors import routers
from app.tickets.filing import Filing
from app.tickets.reading import Reading

VERSION = "0.1.0"
UPLOAD_PATHS = ("/v1/citizen/photos", "/v1/officer/photos")


def build(house: House | None, **shared: Any) -> Litestar:
    """The Litestar application. Without a house it can describe itself (OpenAPI, doors), not serve."""
    return Litestar(
        route_handlers=[*routers(), *system.handlers],
        dependencies={
            name: Provide(_always(thing), sync_to_thread=False) for name, thing in (shared | {"house": house}).items()
        },
        exception_handlers={Exception: problems.render},
        openapi_config=OpenAPIConfig(title="Khuê", version=VERSION, path="/openapi"),
        state=State({"house": house}),
        request_max_body_size=None,
        logging_config=None,
        pdb_on_exception=False,
    )


async def create_app(house: House) -> Porch:
    """The whole ASGI application on an open house."""
    directory = Directory(house.database)
    await directory.refresh()
    app = build(
        house,
        directory=directory,
        filing=Filing(house.database, directory),
        reading=Reading(house.database),
    )
    caps = dict.fromkeys(UPLOAD_PATHS, house.settings.uploads.photo_bytes_max + 64 * 1024)
    return Porch(app, house.settings, body_caps=caps, lane_of=lane_of)


def lane_of(scope: Scope) -> Lane:
    """How urgent a request is, by its path, before anything is parsed."""
    path = scope["path"]
    if scope["method"] in ("POST", "PUT", "DELETE"):
        return Lane.BULK if path in UPLOAD_PATHS else Lane.URGENT
    return Lane.NORMAL


def _always(thing: Any) -> Any:
    def provide() -> Any:
        return thing

    return provide
