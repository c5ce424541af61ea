"""The desk over HTTP. Whatever opens personal data asks for `X-Access-Reason`."""

from typing import Annotated
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import convert

from app.core import pages, wire
from app.core.door import Db
from app.core.guards import TheOfficer, needs
from app.core.house import House
from app.core.idempotency import Once
from app.core.pages import PAGE_MAX, Page
from app.core.reasons import AccessReason
from app.desk import rules, service, trail
from app.desk.schemas import (
    EntryOut,
    Lookup,
    LookupOut,
    NumbersOut,
    ResidentOut,
    SignInOut,
    StateChange,
    StateOut,
)

Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)]
Cursor = Annotated[str | None, QueryParameter(max_length=300)]
Whose = Annotated[UUID | None, QueryParameter()]
TheHouse = NamedDependency[House]


@post(
    "/account-lookups",
    status_code=200,
    guards=[needs(rules.FIND)],
    opt={"once_exempt": "it changes nothing, and each look is on the trail by itself"},
)
async def look_account_up(
    data: JSONBody[Lookup], me: TheOfficer, db: Db, house: TheHouse, access_reason: AccessReason
) -> LookupOut:
    """Find an account by its whole telephone or personal number; what was looked for is not kept, that it was is."""
    (await house.limits.spend(rules.LOOKUP_RATE, str(me.id))).check()
    return await service.find(db, house.crypto, me, data, access_reason)


@get("/accounts/{account_id:uuid}", guards=[needs(rules.OPEN)])
async def open_account(
    account_id: FromPath[UUID], me: TheOfficer, db: Db, house: TheHouse, access_reason: AccessReason
) -> ResidentOut:
    """A resident's account, numbers masked."""
    return await service.open_account(db, house.crypto, me, account_id, access_reason)


@get("/accounts/{account_id:uuid}/numbers", guards=[needs(rules.NUMBERS)])
async def unmask_numbers(
    account_id: FromPath[UUID], me: TheOfficer, db: Db, house: TheHouse, access_reason: AccessReason
) -> NumbersOut:
    """Telephone and personal number in clear."""
    return await service.unmask(db, house.crypto, me, account_id, access_reason)


@get("/accounts/{account_id:uuid}/sign-ins", guards=[needs(rules.SIGN_INS)])
async def list_account_sign_ins(
    account_id: FromPath[UUID],
    me: TheOfficer,
    db: Db,
    access_reason: AccessReason,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[SignInOut]:
    """When, how and from where an account was signed in to and out of, the newest first."""
    found = await service.sign_ins(db, me, account_id, access_reason, cursor, limit)
    return pages.page(found, limit, lambda row: [row.id], service.sign_in)


@get("/accounts/{account_id:uuid}/states", guards=[needs(rules.STATE)])
async def list_account_states(
    account_id: FromPath[UUID], me: TheOfficer, db: Db, access_reason: AccessReason
) -> list[StateOut]:
    """The states an account was in, who brought it there and why, the newest first."""
    return await service.history(db, me, account_id, access_reason)


@post("/accounts/{account_id:uuid}/states", guards=[needs(rules.STATE)])
async def change_account_state(
    account_id: FromPath[UUID], data: JSONBody[StateChange], me: TheOfficer, db: Db, once: Once, house: TheHouse
) -> Response[StateOut]:
    """Suspend or block an account, ask its holder for a new proof, or lift it. In force at their next request; they are told."""
    changed = await service.change_state(db, house.revocations, me, account_id, data)
    return wire.created(changed, f"/v1/officer/accounts/{account_id}/states")


@get("/trail", guards=[needs(rules.TRAIL)])
async def read_trail(
    me: TheOfficer,
    db: Db,
    access_reason: AccessReason,
    account: Whose = None,
    officer: Whose = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[EntryOut]:
    """Who read or changed the data of an account, or what an officer did, the newest first. The reading is on the trail, too."""
    found = await trail.read(db, me, account, officer, access_reason, cursor, limit)
    return pages.page(found, limit, lambda row: [row.id], lambda row: convert(row, EntryOut, from_attributes=True))


officer = [
    look_account_up,
    open_account,
    unmask_numbers,
    list_account_sign_ins,
    list_account_states,
    change_account_state,
    read_trail,
]
