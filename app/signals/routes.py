"""Signals over HTTP: where the national eID pushes what it has to say. Who may is told by its signature alone."""

from typing import Annotated

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, RawBody
from msgspec import Meta, Struct

from app.core.house import House
from app.core.oidc import OidcClient
from app.signals import service
from app.signals.rules import SignalRefused

TheHouse = NamedDependency[House]
TheEid = NamedDependency[OidcClient]
TOKEN_MAX = 20_000
NO_STORE = {"Cache-Control": "no-store"}


class LogoutForm(Struct):
    """Other fields a provider may add are passed over (Back-Channel Logout 1.0 §2.5)."""

    logout_token: Annotated[str, Meta(min_length=1, max_length=TOKEN_MAX)]


@post("/eid-logouts", status_code=200, opt={"once_exempt": "a logout token works once, by its jti"})
async def take_eid_logout(
    data: Annotated[LogoutForm, Body(media_type=RequestEncodingType.URL_ENCODED)], house: TheHouse, eid: TheEid
) -> Response[bytes]:
    """OpenID Connect Back-Channel Logout 1.0: the sessions end that this login at the national eID opened or raised."""
    await service.log_out(house, eid, data.logout_token)
    return Response(b"", headers=NO_STORE)


@post("/eid-events", status_code=202, opt={"once_exempt": "an event works once, by its jti"})
async def take_eid_event(body: RawBody, house: TheHouse, eid: TheEid) -> Response[bytes]:
    """A security event token, pushed (RFC 8935, `application/secevent+jwt`): OpenID RISC `account-disabled` ends every session of
    the account, until the next good sign-in at the national eID; `account-enabled` is noted."""
    if len(body) > TOKEN_MAX or not body.isascii():
        raise SignalRefused(reason="token")
    await service.hear(house, eid, body.decode().strip())
    return Response(b"", headers=NO_STORE)


public = [take_eid_logout, take_eid_event]
