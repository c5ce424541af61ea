"""Guards: they refuse by kind of caller and by act, before any transaction opens. Rows are refused in `visible_to`."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler

from app.core.errors import AppError, NotAllowed, SignInNeeded
from app.core.house import House
from app.core.principals import Citizen, Nobody, Officer

Connection = ASGIConnection[Any, Any, Any, Any]
Guard = Callable[[Connection, BaseRouteHandler], Awaitable[None]]

TheCitizen = NamedDependency[Citizen]
TheOfficer = NamedDependency[Officer]
"""Declared by a handler as `me`: who its door let in."""

CitizenRequest = Request[Citizen, Any, Any]
OfficerRequest = Request[Officer, Any, Any]
"""For the hottest handlers: `request.user` and one more dependency. Several are resolved in a task group, which costs more
than all the rest of Litestar together."""


def provide_me(request: Request[Any, Any, Any]) -> Any:
    return request.user


def house_of(connection: Connection) -> House:
    return connection.app.state.house


def door(audience: str) -> Guard:
    """The guard of a door: who has no token for it stays out, and everybody has a rate."""

    async def guard(connection: Connection, _: BaseRouteHandler) -> None:
        house = house_of(connection)
        authorization = authorization_of(connection)
        if not authorization:
            await house.pace(connection.scope, address_of(connection))
            raise SignInNeeded
        try:
            principal = house.auth.check(authorization, audience)
        except AppError:
            await house.pace(connection.scope, address_of(connection))
            raise
        connection.scope["user"] = principal
        await house.pace(connection.scope, str(getattr(principal, "id", "")))

    guard.__name__ = f"{audience}s_only"
    return guard


async def anyone(connection: Connection, _: BaseRouteHandler) -> None:
    """The guard of the public door: everybody may come in, each address at its rate."""
    address = address_of(connection)
    connection.scope["user"] = Nobody(address=address)
    await house_of(connection).pace(connection.scope, address)


async def open_to_all(_: Connection, __: BaseRouteHandler) -> None:
    """The guard of the house's own pages (health, documents): nothing to protect, nothing to pace."""


def needs(act: str) -> Guard:
    """A guard for one handler: the officer's roles must allow this act."""

    async def guard(connection: Connection, _: BaseRouteHandler) -> None:
        officer = connection.scope["user"]
        if not isinstance(officer, Officer) or act not in officer.acts:
            raise NotAllowed(act=act)

    guard.__name__ = f"needs_{act}"
    return guard


def address_of(connection: Connection) -> str:
    """The caller's network address, as the porch found it."""
    return cast(dict[str, Any], connection.scope).get("khue.address", "")


def authorization_of(connection: Connection) -> bytes:
    for name, value in connection.scope["headers"]:
        if name == b"authorization":
            return value
    return b""
