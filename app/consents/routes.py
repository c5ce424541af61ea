"""Purposes and consents over HTTP. Nobody agrees for somebody else: no handler here is open to those who act for another."""

from typing import Annotated
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from app.consents import queries, service
from app.consents.schemas import ConsentOut, NewConsent, PurposeHistoryOut, PurposeOut
from app.core import pages, wire
from app.core.door import Db
from app.core.guards import TheCitizen
from app.core.idempotency import Once
from app.core.pages import PAGE_MAX, Page

Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)]
Cursor = Annotated[str | None, QueryParameter(max_length=300)]


@get("/purposes")
async def list_purposes(db: Db) -> list[PurposeOut]:
    """What the city may ask a resident to agree to, each in the version in force."""
    return [queries.purpose_out(*one) for one in await queries.purposes(db)]


@get("/purposes/{code:str}")
async def get_purpose(code: FromPath[str], db: Db) -> PurposeHistoryOut:
    """One purpose with every version that was ever shown."""
    found = [queries.purpose_out(*one) for one in await queries.versions(db, code)]
    return PurposeHistoryOut(current=found[0], versions=found)


@post("/consents")
async def grant_consent(data: JSONBody[NewConsent], me: TheCitizen, db: Db, once: Once) -> Response[ConsentOut]:
    """Agree to a purpose, naming the version that was shown. Nothing is ever agreed to by default."""
    held = await service.grant(db, me, data)
    return wire.created(queries.shown(held), f"/v1/citizen/consents/{held.consent.id}")


@get("/consents")
async def list_consents(me: TheCitizen, db: Db, cursor: Cursor = None, limit: Limit = 50) -> Page[ConsentOut]:
    """Everything I ever agreed to, with what I was shown and what it is worth now; the newest first."""
    found = await queries.own(db, me, cursor, limit)
    return pages.page(found, limit, lambda held: [held.consent.id], queries.shown)


@get("/consents/{consent_id:uuid}")
async def get_consent(consent_id: FromPath[UUID], me: TheCitizen, db: Db) -> ConsentOut:
    """One of my consents."""
    return queries.shown(await queries.one(db, me, consent_id))


@post("/consents/{consent_id:uuid}/withdrawals", opt={"while_closing": True})
async def withdraw_consent(consent_id: FromPath[UUID], me: TheCitizen, db: Db, once: Once) -> Response[ConsentOut]:
    """Take a consent back: one request, no reason asked, in force at once."""
    return Response(queries.shown(await service.withdraw(db, me, consent_id)), status_code=201)


public = [list_purposes, get_purpose]
citizen = [grant_consent, list_consents, get_consent, withdraw_consent]
