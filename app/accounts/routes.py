"""Accounts over HTTP: sign-in, sessions, devices, profile."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody
from msgspec import convert

from app.accounts import codes, identities, queries, service
from app.accounts.schemas import (
    AccountOut,
    AskCode,
    BeginEid,
    BegunOut,
    CodeSentOut,
    DeviceOut,
    NewDevice,
    NewSession,
    Profile,
    Refresh,
    Returned,
)
from app.core import guards, sessions, wire
from app.core.door import Db
from app.core.guards import TheCitizen
from app.core.house import House
from app.core.idempotency import Once
from app.core.oidc import OidcClient
from app.core.sessions import SessionOut, TokensOut

IfMatch = Annotated[str | None, HeaderParameter(name="If-Match", max_length=100)]
TheHouse = NamedDependency[House]
TheEid = NamedDependency[OidcClient]


@post("/phone-codes", status_code=202, opt={"once_exempt": "a newer code replaces the older; numbers have a rate"})
async def ask_phone_code(data: JSONBody[AskCode], request: Request[Any, Any, Any], house: TheHouse) -> CodeSentOut:
    """Have a sign-in code sent to a phone. The answer does not tell whether the number has an account."""
    return CodeSentOut(expires_at=await codes.ask(house, data, guards.address_of(request)))


@post("/sessions", opt={"once_exempt": "a code works once"})
async def open_session(data: JSONBody[NewSession], house: TheHouse) -> TokensOut:
    """Sign in with the code from the phone; the first time, this makes the account."""
    return await codes.sign_in(house, data)


@post("/session-refreshes", opt={"once_exempt": "a refresh secret used twice at once gives the same successor"})
async def refresh_session(data: JSONBody[Refresh], house: TheHouse) -> TokensOut:
    """New tokens. The refresh token changes each time; an old one used later ends the session."""
    return await service.refresh(house, data.refresh_token)


@post("/eid-sign-ins", opt={"once_exempt": "remembers a state that only its own return can use"})
async def begin_eid_sign_in(data: JSONBody[BeginEid], house: TheHouse, eid: TheEid) -> BegunOut:
    """Begin a sign-in at the national eID, asking for level 1 or 2."""
    begun = await identities.begin(house, eid, data.level)
    return BegunOut(url=begun.url, state=begun.state)


@post("/eid-sessions", opt={"once_exempt": "the provider's code and the state work once"})
async def open_eid_session(data: JSONBody[Returned], house: TheHouse, eid: TheEid) -> TokensOut:
    """Finish a sign-in at the national eID."""
    return await identities.sign_in(house, eid, data)


@get("/me")
async def get_account(me: TheCitizen, db: Db, house: TheHouse) -> Response[AccountOut]:
    """My account, numbers masked."""
    account = await queries.me(db, me)
    return Response(queries.shown(account, me, house.crypto), headers={"ETag": wire.etag(account.version)})


@patch("/me")
async def change_account(
    data: JSONBody[Profile], me: TheCitizen, db: Db, house: TheHouse, if_match: IfMatch = None
) -> Response[AccountOut]:
    """Change language or, before it is proved by the eID, the name."""
    account = await queries.me(db, me)
    wire.check_if_match(if_match, wire.etag(account.version))
    changed = await service.change(db, account, data)
    return Response(queries.shown(changed, me, house.crypto), headers={"ETag": wire.etag(changed.version)})


@post("/eid-link-begins", opt={"once_exempt": "remembers a state that only its own return can use"})
async def begin_eid_link(data: JSONBody[BeginEid], me: TheCitizen, house: TheHouse, eid: TheEid) -> BegunOut:
    """Begin to tie the national eID to my account."""
    begun = await identities.begin(house, eid, data.level, me.id)
    return BegunOut(url=begun.url, state=begun.state)


@post("/eid-links", opt={"once_exempt": "the provider's code and the state work once"})
async def link_eid(data: JSONBody[Returned], me: TheCitizen, house: TheHouse, eid: TheEid) -> TokensOut:
    """Tie the national eID to my account; the new tokens have its level, the old session ends."""
    return await identities.link(house, eid, me, data)


@get("/sessions")
async def list_sessions(me: TheCitizen, db: Db) -> list[SessionOut]:
    """Where I am signed in."""
    return [sessions.shown(session, me) for session in await sessions.own(db, me)]


@delete("/sessions/{session_id:uuid}")
async def close_session(session_id: FromPath[UUID], me: TheCitizen, db: Db, house: TheHouse) -> None:
    """Sign out there: its tokens stop at once."""
    await service.sign_out(db, house, me, session_id)


@delete("/sessions/current")
async def close_current_session(me: TheCitizen, db: Db, house: TheHouse) -> None:
    """Sign out here."""
    await service.sign_out(db, house, me, me.session_id)


@post("/devices")
async def add_device(data: JSONBody[NewDevice], me: TheCitizen, db: Db, once: Once) -> Response[DeviceOut]:
    """Register this phone for pushes."""
    device = await service.add_device(db, me, data)
    return wire.created(convert(device, DeviceOut, from_attributes=True), f"/v1/citizen/devices/{device.id}")


@get("/devices")
async def list_devices(me: TheCitizen, db: Db) -> list[DeviceOut]:
    """The phones that ring for me."""
    return [convert(device, DeviceOut, from_attributes=True) for device in await queries.devices(db, me)]


@delete("/devices/{device_id:uuid}")
async def remove_device(device_id: FromPath[UUID], me: TheCitizen, db: Db) -> None:
    """Let a phone ring no more."""
    await service.remove_device(db, me, device_id)


public = [ask_phone_code, open_session, refresh_session, begin_eid_sign_in, open_eid_session]
citizen = [
    get_account,
    change_account,
    begin_eid_link,
    link_eid,
    list_sessions,
    close_session,
    close_current_session,
    add_device,
    list_devices,
    remove_device,
]
