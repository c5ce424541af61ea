"""Accounts over HTTP: profile, sessions, devices."""

from typing import Annotated
from uuid import UUID

from litestar import Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter

from app.accounts import profiles, queries, service
from app.accounts.profiles import Profiles
from app.accounts.schemas import AccountOut, DeviceOut, NewDevice, Profile, Refresh, SignInOut
from app.core import pages, person_keys, sessions, wire
from app.core.door import Db
from app.core.guards import CitizenRequest, TheCitizen
from app.core.house import House
from app.core.idempotency import Once
from app.core.pages import PAGE_MAX, Page
from app.core.sessions import SessionOut, TokensOut

IfMatch = Annotated[str | None, HeaderParameter(name="If-Match", max_length=100)]
TheHouse = NamedDependency[House]
Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)]
Cursor = Annotated[str | None, QueryParameter(max_length=300)]
KeepCurrent = Annotated[bool, QueryParameter()]

WHILE_CLOSING = {"while_closing": True}
"""Who asked for the end of their account can still throw others out of it."""


@post("/session-refreshes", opt={"once_exempt": "a refresh secret used twice at once gives the same successor"})
async def refresh_session(data: JSONBody[Refresh], house: TheHouse) -> TokensOut:
    """New tokens. The refresh token changes each time; an old one used later ends the session."""
    return await service.refresh(house, data.refresh_token)


@get("/me")
async def get_account(request: CitizenRequest, profiles: NamedDependency[Profiles]) -> Response[AccountOut]:
    """My account, numbers masked."""
    account, version = await profiles.me(request.user)
    return Response(account, headers={"ETag": wire.etag(version)})


@patch("/me")
async def change_account(
    data: JSONBody[Profile], me: TheCitizen, db: Db, house: TheHouse, if_match: IfMatch = None
) -> Response[AccountOut]:
    """Change language or, before it is proved by the eID, the name."""
    account = await queries.me(db, me)
    wire.check_if_match(if_match, wire.etag(account.version))
    changed = await service.change(db, me, account, data)
    person = await person_keys.person(db, house.crypto, me.id)
    return Response(profiles.shown(changed, me, person), headers={"ETag": wire.etag(changed.version)})


@get("/sessions")
async def list_sessions(me: TheCitizen, db: Db) -> list[SessionOut]:
    """Where I am signed in."""
    return [sessions.shown(session, me) for session in await sessions.own(db, me)]


@get("/me/sign-ins")
async def list_sign_ins(me: TheCitizen, db: Db, cursor: Cursor = None, limit: Limit = 20) -> Page[SignInOut]:
    """When, how and from where I signed in, newest first."""
    found = await queries.sign_ins(db, me, cursor, limit)
    return pages.page(found, limit, lambda one: [one.id], lambda one: one)


@delete("/sessions/{session_id:uuid}", opt=WHILE_CLOSING)
async def close_session(session_id: FromPath[UUID], me: TheCitizen, db: Db, house: TheHouse) -> None:
    """Sign out there: its tokens stop at once."""
    await service.sign_out(db, house, me, session_id)


@delete("/sessions/current", opt=WHILE_CLOSING)
async def close_current_session(me: TheCitizen, db: Db, house: TheHouse) -> None:
    """Sign out here."""
    await service.sign_out(db, house, me, me.session_id)


@delete("/sessions", opt=WHILE_CLOSING)
async def close_all_sessions(me: TheCitizen, db: Db, house: TheHouse, keep_current: KeepCurrent = False) -> None:
    """Sign out everywhere, or everywhere else (`keep_current`)."""
    await service.sign_out_everywhere(db, house, me, keep_current=keep_current)


@post("/devices")
async def add_device(data: JSONBody[NewDevice], me: TheCitizen, db: Db, once: Once) -> Response[DeviceOut]:
    """Register this phone for pushes."""
    device = await service.add_device(db, me, data)
    shown = queries.device_shown(device, device.created_at, me)
    return wire.created(shown, f"/v1/citizen/devices/{device.id}")


@get("/devices")
async def list_devices(me: TheCitizen, db: Db) -> list[DeviceOut]:
    """The phones that ring for me."""
    return await queries.devices(db, me)


@delete("/devices/{device_id:uuid}", opt=WHILE_CLOSING)
async def remove_device(device_id: FromPath[UUID], me: TheCitizen, db: Db) -> None:
    """Let a phone ring no more."""
    await service.remove_device(db, me, device_id)


public = [refresh_session]
citizen = [
    get_account,
    change_account,
    list_sessions,
    list_sign_ins,
    close_session,
    close_current_session,
    close_all_sessions,
    add_device,
    list_devices,
    remove_device,
]
