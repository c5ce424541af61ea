"""Officers over HTTP: who I am, where I am signed in, and the administration of others."""

from typing import Annotated
from uuid import UUID

from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import convert

from app.core import pages, sessions, wire
from app.core.door import Db
from app.core.guards import TheOfficer, needs
from app.core.house import House
from app.core.idempotency import Once
from app.core.pages import PAGE_MAX, Page
from app.core.sessions import SessionOut
from app.departments import officers, queries, service
from app.departments.models import Department, Officer
from app.departments.queries import WantedOfficers
from app.departments.rules import MANAGE
from app.departments.schemas import (
    Because,
    NamedOut,
    NewGrant,
    NewOfficer,
    OfficerFileOut,
    OfficerMeOut,
    OfficerOut,
    RoleOut,
)

Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)]
Cursor = Annotated[str | None, QueryParameter(max_length=600)]
Words = Annotated[str | None, QueryParameter(min_length=2, max_length=100)]
Unit = Annotated[str | None, QueryParameter(max_length=20)]
Active = Annotated[bool | None, QueryParameter()]
KeepCurrent = Annotated[bool, QueryParameter()]
TheHouse = NamedDependency[House]

PATH = "/v1/officer/officers"


@get("/me")
async def get_officer(me: TheOfficer, db: Db) -> OfficerMeOut:
    """Who I am, the roles I hold and where, and what each allows there."""
    found = await db.get_one(Officer, me.id)
    unit = await db.get(Department, found.department_code) if found.department_code else None
    return OfficerMeOut(
        id=found.id,
        full_name=found.full_name,
        unit=unit and convert(unit, NamedOut, from_attributes=True),
        grants=await queries.grants(db, me.id, ended=False),
        acts=sorted(me.acts),
    )


@get("/roles")
async def list_roles(me: TheOfficer, db: Db) -> list[RoleOut]:
    """The roles there are and what each allows; acts on accounts and on the trail only where held for the whole city."""
    return await queries.roles(db)


@get("/sessions")
async def list_officer_sessions(me: TheOfficer, db: Db) -> list[SessionOut]:
    """Where I am signed in."""
    return [sessions.shown(session, me) for session in await sessions.own(db, me)]


@delete("/sessions/{session_id:uuid}")
async def close_officer_session_elsewhere(session_id: FromPath[UUID], me: TheOfficer, db: Db, house: TheHouse) -> None:
    """Sign out there: its tokens stop at once."""
    await service.sign_out(db, house, me, session_id)


@delete("/sessions/current")
async def close_officer_session(me: TheOfficer, db: Db, house: TheHouse) -> None:
    """Sign out here."""
    await service.sign_out(db, house, me, me.session_id)


@delete("/sessions")
async def close_all_officer_sessions(
    me: TheOfficer, db: Db, house: TheHouse, keep_current: KeepCurrent = False
) -> None:
    """Sign out everywhere, or everywhere else (`keep_current`)."""
    await service.sign_out_everywhere(db, house, me, keep_current=keep_current)


@get("/officers", guards=[needs(MANAGE)])
async def list_officers(
    me: TheOfficer,
    db: Db,
    q: Words = None,
    department: Unit = None,
    active: Active = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[OfficerOut]:
    """The officers within what I administer, by name; `q` finds a part of the name, diacritics ignored, or a whole subject."""
    found = await queries.officers(db, me, WantedOfficers(q, department, active), cursor, limit)
    return pages.page(
        found, limit, lambda row: [row.full_name, row.id], lambda row: convert(row, OfficerOut, from_attributes=True)
    )


@post("/officers", guards=[needs(MANAGE)])
async def make_officer(
    data: JSONBody[NewOfficer], me: TheOfficer, db: Db, once: Once, house: TheHouse
) -> Response[OfficerFileOut]:
    """Make a member of staff an officer of a unit; what they may do is granted next."""
    return await _shown(db, await officers.make(db, house.settings.staff.issuer, me, data))


@get("/officers/{officer_id:uuid}", guards=[needs(MANAGE)])
async def get_officer_file(officer_id: FromPath[UUID], me: TheOfficer, db: Db) -> OfficerFileOut:
    """An officer with every role they hold or held, who gave it and who took it away."""
    return await _file(db, await queries.managed(db, me, officer_id))


@post("/officers/{officer_id:uuid}/grants", guards=[needs(MANAGE)])
async def grant_role(
    officer_id: FromPath[UUID], data: JSONBody[NewGrant], me: TheOfficer, db: Db, once: Once, house: TheHouse
) -> Response[OfficerFileOut]:
    """Give a role in a unit, in an area or in the whole city, for good or until a moment; it holds from the next request on."""
    await officers.grant(db, house.revocations, me, officer_id, data)
    return await _shown(db, await queries.managed(db, me, officer_id))


@post("/officers/{officer_id:uuid}/grants/{grant_id:uuid}/ends", guards=[needs(MANAGE)])
async def take_role_away(
    officer_id: FromPath[UUID],
    grant_id: FromPath[UUID],
    data: JSONBody[Because],
    me: TheOfficer,
    db: Db,
    once: Once,
    house: TheHouse,
) -> Response[OfficerFileOut]:
    """Take a role away; the officer's next request does without it. It stays in the history."""
    return await _shown(db, await officers.take_away(db, house.revocations, me, officer_id, grant_id, data))


@post("/officers/{officer_id:uuid}/deactivations", guards=[needs(MANAGE)])
async def deactivate_officer(
    officer_id: FromPath[UUID], data: JSONBody[Because], me: TheOfficer, db: Db, once: Once, house: TheHouse
) -> Response[OfficerFileOut]:
    """Keep an officer out: their sessions end at once, and they cannot sign in."""
    return await _shown(db, await officers.deactivate(db, house.revocations, me, officer_id, data))


@post("/officers/{officer_id:uuid}/reactivations", guards=[needs(MANAGE)])
async def reactivate_officer(
    officer_id: FromPath[UUID], data: JSONBody[Because], me: TheOfficer, db: Db, once: Once
) -> Response[OfficerFileOut]:
    """Let an officer in again, with the roles that were not taken away."""
    return await _shown(db, await officers.reactivate(db, me, officer_id, data))


async def _shown(db: Db, officer: Officer) -> Response[OfficerFileOut]:
    return wire.created(await _file(db, officer), f"{PATH}/{officer.id}")


async def _file(db: Db, officer: Officer) -> OfficerFileOut:
    await db.flush()
    return OfficerFileOut(
        id=officer.id,
        subject=officer.subject,
        full_name=officer.full_name,
        department_code=officer.department_code,
        active=officer.active,
        created_at=officer.created_at,
        grants=await queries.grants(db, officer.id, ended=True),
    )


officer = [
    get_officer,
    list_roles,
    list_officer_sessions,
    close_officer_session_elsewhere,
    close_officer_session,
    close_all_officer_sessions,
    list_officers,
    make_officer,
    get_officer_file,
    grant_role,
    take_role_away,
    deactivate_officer,
    reactivate_officer,
]
