"""Guards: they refuse by kind of caller and by act, before any transaction opens. Rows are refused in `visible_to`."""

import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from msgspec import Struct

from app.core.auth import acr_of
from app.core.errors import AppError, NotAllowed, SignInNeeded, Text
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


class ProofNeeded(AppError):
    """RFC 9470 §3: what the token proves is too little or too old; the app can have the person prove it again."""

    status, code = 401, "proof-needed"
    title = Text("Cần xác thực lại", "You need to prove again who you are")
    detail = Text(
        "Việc này cần định danh mức {level}, xác thực trong {max_age_s} giây gần đây.",
        "This needs assurance level {level}, proved within the last {max_age_s} seconds.",
    )

    def __init__(self, level: int, max_age_s: int) -> None:
        said = f'acr_values="{acr_of(level)}", max_age="{max_age_s}"'
        challenge = f'Bearer realm="khue", error="insufficient_user_authentication", {said}'
        super().__init__(headers={"WWW-Authenticate": challenge}, level=level, max_age_s=max_age_s)


class StateForbids(AppError):
    status, code = 403, "state-forbids"
    title = Text("Trạng thái tài khoản không cho phép", "The account's state does not allow this")
    detail = Text(
        "Bạn đã yêu cầu đóng tài khoản nên chỉ còn xem được dữ liệu. Muốn dùng tiếp, hãy huỷ yêu cầu đó.",
        "You asked for the end of your account, so you can only look. To use it again, cancel that request.",
    )


class NotOnBehalf(AppError):
    status, code = 403, "not-on-behalf"
    title = Text("Không làm thay được việc này", "This cannot be done on somebody's behalf")
    detail = Text(
        "Bạn không được uỷ quyền cho việc này, hoặc uỷ quyền đã hết hiệu lực.",
        "You have no delegation for this, or it is over.",
    )


class Wanted(Struct, frozen=True):
    """What somebody wants to do in another's name."""

    account: str
    """Whose, as `X-On-Behalf-Of` says it; not checked."""
    scope: str
    """What the handler asks for; empty: it cannot be done on anybody's behalf."""
    handler: str
    subject: str
    """What the path names, e.g. a ticket's id."""
    reads: bool


OnBehalf = Callable[[House, Citizen, Wanted], Awaitable[Citizen]]
"""Finds the delegation by which a citizen acts for another account, and puts a read on the trail. Raises NotOnBehalf."""

ON_BEHALF = b"x-on-behalf-of"
SAFE = ("GET", "HEAD", "OPTIONS")


async def nobodys_behalf(_: House, __: Citizen, ___: Wanted) -> Citizen:
    """Where there are no delegations."""
    raise NotOnBehalf


def provide_me(request: Request[Any, Any, Any]) -> Any:
    return request.user


def house_of(connection: Connection) -> House:
    return connection.app.state.house


def door(audience: str, on_behalf: OnBehalf = nobodys_behalf) -> Guard:
    """The guard of a door: who has no token for it stays out, and everybody has a rate.

    At the citizens' door, an account that is closing only looks, but for handlers that say `opt={"while_closing": True}`; and
    a handler open to those who act for somebody else says in which scope: `opt={"on_behalf": "tickets"}`.
    """

    async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
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
        if isinstance(principal, Citizen):
            connection.scope["user"] = await _citizen(connection, handler, principal, on_behalf)

    guard.__name__ = f"{audience}s_only"
    return guard


async def _citizen(connection: Connection, handler: BaseRouteHandler, citizen: Citizen, on_behalf: OnBehalf) -> Citizen:
    """Raises StateForbids, NotOnBehalf."""
    if citizen.state != "active":
        allowed = connection.scope["method"] in SAFE or handler.opt.get("while_closing")  # pyright: ignore[reportTypedDictNotRequiredAccess, reportGeneralTypeIssues]
        if not allowed:
            raise StateForbids(state=citizen.state)
    named = header_of(connection, ON_BEHALF)
    if not named:
        return citizen
    wanted = Wanted(
        account=named.decode("latin-1"),
        scope=str(handler.opt.get("on_behalf", "")),
        handler=handler.handler_name,
        subject=str(next(iter(connection.path_params.values()), "")),
        reads=connection.scope["method"] in SAFE,  # pyright: ignore[reportTypedDictNotRequiredAccess, reportGeneralTypeIssues]
    )
    return await on_behalf(house_of(connection), citizen, wanted)


def proves(level: int, max_age_s: int) -> Guard:
    """A guard for one handler: the person must have proved this assurance level, so recently (RFC 9470)."""

    async def guard(connection: Connection, _: BaseRouteHandler) -> None:
        citizen = connection.scope["user"]
        if not isinstance(citizen, Citizen) or citizen.level < level or citizen.proved_at < time.time() - max_age_s:
            raise ProofNeeded(level, max_age_s)

    guard.__name__ = f"proves_{level}_{max_age_s}"
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
    return header_of(connection, b"authorization")


def header_of(connection: Connection, wanted: bytes) -> bytes:
    for name, value in connection.scope["headers"]:
        if name == wanted:
            return value
    return b""
