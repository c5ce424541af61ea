"""Puts the application together: doors, the one renderer of errors, the pages of the house, and the porch before it all."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast

from litestar import Litestar
from litestar.datastructures import State
from litestar.types import Scope

from app.accounts.merging import Belongings
from app.accounts.profiles import Profiles
from app.core.background import running
from app.core.house import House
from app.core.jobs import Lane
from app.core.oidc import OidcClient
from app.core.porch import Porch
from app.delegations.registries import HttpRegistries
from app.departments.directory import Directory
from app.main import problems, system
from app.main.doors import provide_shared, routers
from app.notifications import queries as notifications
from app.tickets import queries as tickets
from app.tickets.catalog import Catalog
from app.tickets.filing import Filing
from app.tickets.queries import Reading
from app.tickets.views import Views

BELONGINGS: Belongings = {"tickets": tickets.count, "messages": notifications.count}
"""What a merge of two accounts moves, for the resident to know before they agree."""
WATCHED = ("/health/", "/metrics")
UPLOAD_PATHS: tuple[str, ...] = ("/v1/citizen/photos", "/v1/officer/photos")


def build(house: House, **shared: Any) -> Litestar:
    """The Litestar application on an open house."""
    return Litestar(
        route_handlers=[*routers(), system.router],
        dependencies=provide_shared(shared | {"house": house}),
        exception_handlers={Exception: problems.render},
        openapi_config=None,
        state=State({"house": house}),
        request_max_body_size=None,
        logging_config=None,
        pdb_on_exception=False,
    )


@asynccontextmanager
async def create_app(house: House) -> AsyncGenerator[Porch]:
    """The whole ASGI application on an open house, with the snapshots it keeps fresh."""
    async with AsyncExitStack() as stack:
        directory = Directory(house.database, house.settings.timezone)
        catalog = Catalog(house.database)
        for snapshot in (directory, catalog):
            await snapshot.refresh()
            await stack.enter_async_context(running(snapshot.keep_fresh()))
        views = Views(directory, catalog)
        app = build(
            house,
            profiles=Profiles(house.database, house.crypto),
            directory=directory,
            catalog=catalog,
            filing=Filing(house.database, directory, catalog),
            reading=Reading(house.database, views.of_row),
            views=views,
            staff=OidcClient("staff sign-in", house.settings.staff, house.outbound),
            belongings=BELONGINGS,
            eid=OidcClient("national eID", house.settings.eid, house.outbound, offline=True),
            registries=HttpRegistries(house.settings, house.outbound),
        )
        cap = house.settings.uploads.photo_bytes_max + 64 * 1024
        yield Porch(
            app,
            house.settings,
            body_caps=dict.fromkeys(UPLOAD_PATHS, cap),
            lane_of=lane_of,
            explain=problems.as_app_error,
        )


def lane_of(scope: Scope) -> Lane | None:
    """How urgent a request is, by its path, before anything is parsed. None: never shed (who watches us must see us)."""
    if scope["path"].startswith(WATCHED):
        return None
    if cast(dict[str, Any], scope)["method"] in ("POST", "PUT", "PATCH", "DELETE"):
        return Lane.BULK if scope["path"] in UPLOAD_PATHS else Lane.URGENT
    return Lane.NORMAL
