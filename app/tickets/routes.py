"""Tickets over HTTP: one list of handlers a door."""

from typing import Annotated
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter, RawBody
from litestar.response import File

from app.core import idempotency, pages, wire
from app.core.door import Db
from app.core.guards import CitizenRequest, OfficerRequest, TheCitizen, TheOfficer, needs
from app.core.house import House
from app.core.idempotency import Claim, Once
from app.core.pages import PAGE_MAX, Page
from app.core.reasons import AccessReason
from app.delegations import queries as delegations
from app.departments.directory import Directory
from app.desk.schemas import SenderOut
from app.tickets import photos, queries, service, workflow
from app.tickets.catalog import Catalog
from app.tickets.filing import Filing
from app.tickets.queries import Reading
from app.tickets.schemas import (
    Answer,
    CategoryOut,
    DeadlineOut,
    EventOut,
    Move,
    NewRating,
    NewTicket,
    PhotoOut,
    ReasonOut,
    TicketOut,
)
from app.tickets.views import Views, tag_of

Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)]
Cursor = Annotated[str | None, QueryParameter(max_length=300)]
IfMatch = Annotated[str | None, HeaderParameter(name="If-Match", max_length=100)]
IfNoneMatch = Annotated[str | None, HeaderParameter(name="If-None-Match", max_length=300)]
TheHouse = NamedDependency[House]
TheDirectory = NamedDependency[Directory]
TheCatalog = NamedDependency[Catalog]
TheViews = NamedDependency[Views]

TICKETS = {"on_behalf": "tickets"}
"""What a delegation for tickets opens."""


@get("/categories")
async def list_categories(catalog: TheCatalog) -> list[CategoryOut]:
    """The tree of what one can file about; `parent_code` names the branch."""
    return [
        CategoryOut(
            code=one.code,
            parent_code=one.parent_code,
            kind=one.kind,
            name_vi=one.name_vi,
            name_en=one.name_en,
            needs_place=one.kind == workflow.Kind.FIELD or one.unit.startswith("@"),
        )
        for one in catalog.categories()
    ]


@get("/reject-reasons")
async def list_reject_reasons(catalog: TheCatalog) -> list[ReasonOut]:
    """Why a ticket can be refused (QĐ 1207/QĐ-UBND)."""
    return [ReasonOut(code=one.code, name_vi=one.name_vi, name_en=one.name_en) for one in catalog.reasons()]


@post("/photos", media_type="application/json", opt=TICKETS)
async def upload_photo(
    body: RawBody, me: TheCitizen, claim: NamedDependency[Claim], house: TheHouse
) -> Response[PhotoOut]:
    """Upload one picture (JPEG, PNG or WebP as the request body) to name in a ticket afterwards. EXIF is stripped."""
    kept = await photos.receive(house, me, claim, body, "/v1/citizen/photos")
    return kept.response()


@post("/photos", media_type="application/json", guards=[needs("ticket.answer")])
async def upload_proof(
    body: RawBody, me: TheOfficer, claim: NamedDependency[Claim], house: TheHouse
) -> Response[PhotoOut]:
    """Upload one picture that proves a fix, to name in an answer afterwards. EXIF is stripped."""
    kept = await photos.receive(house, me, claim, body, "/v1/officer/photos")
    return kept.response()


@get("/photos/{photo_id:uuid}", media_type="image/jpeg", opt=TICKETS)
async def get_photo(photo_id: FromPath[UUID], me: TheCitizen, db: Db, house: TheHouse) -> File:
    """A picture of one's own, or the proof shown in one's own ticket."""
    found = await queries.photo(db, me, photo_id)
    return await photos.shown(house.settings.uploads, found.id)


@get("/photos/{photo_id:uuid}", media_type="image/jpeg")
async def get_ticket_photo(photo_id: FromPath[UUID], me: TheOfficer, db: Db, house: TheHouse) -> File:
    """A picture of a ticket that the officer may see."""
    found = await service.open_photo(db, me, photo_id)
    return await photos.shown(house.settings.uploads, found.id)


@post("/tickets", opt=TICKETS | {"once_by_itself": True})
async def file_ticket(
    data: JSONBody[NewTicket], request: CitizenRequest, filing: NamedDependency[Filing]
) -> Response[TicketOut]:
    """File a feedback ticket. The unit is chosen by category and place, the deadline by the city's working hours."""
    claim = await idempotency.claim_of(request)
    return (await filing.file(request.user, data, claim)).response()


@get("/tickets", opt=TICKETS)
async def list_own_tickets(
    me: TheCitizen, db: Db, views: TheViews, cursor: Cursor = None, limit: Limit = 20
) -> Page[TicketOut]:
    """One's own tickets, newest first."""
    found = await queries.own(db, me, cursor, limit)
    shown = await queries.photos_of(db, [ticket.id for ticket in found])
    return pages.page(found, limit, lambda ticket: [ticket.id], lambda ticket: views.of(ticket, shown))


@get("/tickets/{ticket_id:uuid}", opt=TICKETS)
async def get_own_ticket(
    ticket_id: FromPath[UUID],
    request: CitizenRequest,
    reading: NamedDependency[Reading],
    if_none_match: IfNoneMatch = None,
) -> Response[TicketOut]:
    """One's own ticket as it stands."""
    out = await reading.own(request.user, ticket_id)
    return wire.tagged(out, tag_of(out), if_none_match)


@get("/tickets/{ticket_id:uuid}/events", opt=TICKETS)
async def list_own_ticket_events(ticket_id: FromPath[UUID], me: TheCitizen, db: Db, views: TheViews) -> list[EventOut]:
    """What happened to one's own ticket, in order; `by` is `delegate` for what somebody did in one's name."""
    found = await queries.events(db, me, ticket_id)
    names = await delegations.names_for(db, me, {one.delegate_id for one in found if one.delegate_id})
    return views.events(found, names)


@get("/tickets/{ticket_id:uuid}/deadline", opt=TICKETS)
async def explain_own_deadline(ticket_id: FromPath[UUID], me: TheCitizen, db: Db, views: TheViews) -> DeadlineOut:
    """When one's ticket is due and why: the rule, the working hours, the holidays in between."""
    return views.deadline(await queries.one(db, me, ticket_id))


@post("/tickets/{ticket_id:uuid}/ratings", opt=TICKETS)
async def rate_ticket(
    ticket_id: FromPath[UUID], data: JSONBody[NewRating], me: TheCitizen, db: Db, once: Once, views: TheViews
) -> Response[TicketOut]:
    """Rate the answer, once: satisfied, acceptable, dissatisfied."""
    ticket = await service.rate(db, me, await queries.one(db, me, ticket_id, lock=True), data)
    return await _shown(db, views, ticket, "/v1/citizen/tickets")


@get("/tickets")
async def list_inbox(
    request: OfficerRequest, reading: NamedDependency[Reading], cursor: Cursor = None, limit: Limit = 50
) -> Page[TicketOut]:
    """The open tickets of the officer's units and areas, the one due first on top."""
    return await reading.inbox(request.user, cursor, limit)


@get("/tickets/{ticket_id:uuid}")
async def get_ticket(
    ticket_id: FromPath[UUID],
    request: OfficerRequest,
    reading: NamedDependency[Reading],
    if_none_match: IfNoneMatch = None,
) -> Response[TicketOut]:
    """A ticket of the officer's units and areas; its ETag is what a move needs as If-Match."""
    out = await reading.seen(request.user, ticket_id)
    return wire.tagged(out, tag_of(out), if_none_match)


@get("/tickets/{ticket_id:uuid}/events")
async def list_ticket_events(ticket_id: FromPath[UUID], me: TheOfficer, db: Db, views: TheViews) -> list[EventOut]:
    """The whole history of a ticket."""
    return views.events(await service.open_history(db, me, ticket_id), {})


@get("/tickets/{ticket_id:uuid}/sender")
async def open_ticket_sender(
    ticket_id: FromPath[UUID], me: TheOfficer, db: Db, house: TheHouse, access_reason: AccessReason
) -> SenderOut:
    """Who sent the ticket: name and telephone, to call back. The sender can see who opened it, and why."""
    return await service.open_sender(db, house.crypto, me, await queries.one(db, me, ticket_id), access_reason)


@get("/tickets/{ticket_id:uuid}/deadline")
async def explain_deadline(ticket_id: FromPath[UUID], me: TheOfficer, db: Db, views: TheViews) -> DeadlineOut:
    """When the ticket is due and why."""
    return views.deadline(await queries.one(db, me, ticket_id))


@post("/tickets/{ticket_id:uuid}/moves")
async def move_ticket(
    ticket_id: FromPath[UUID],
    data: JSONBody[Move],
    me: TheOfficer,
    db: Db,
    once: Once,
    views: TheViews,
    directory: TheDirectory,
    catalog: TheCatalog,
    if_match: IfMatch = None,
) -> Response[TicketOut]:
    """Accept, start or refuse one of the unit's tickets."""
    ticket = await queries.one(db, me, ticket_id, lock=True)
    wire.check_if_match(if_match, wire.etag(ticket.version))
    moved = await service.move(db, me, ticket, data, directory, catalog)
    return await _shown(db, views, moved, "/v1/officer/tickets")


@post("/tickets/{ticket_id:uuid}/answers")
async def answer_ticket(
    ticket_id: FromPath[UUID],
    data: JSONBody[Answer],
    me: TheOfficer,
    db: Db,
    once: Once,
    views: TheViews,
    directory: TheDirectory,
    if_match: IfMatch = None,
) -> Response[TicketOut]:
    """Answer a ticket; a field ticket with at least one photo of the result."""
    ticket = await queries.one(db, me, ticket_id, lock=True)
    wire.check_if_match(if_match, wire.etag(ticket.version))
    answered = await service.answer(db, me, ticket, data, directory)
    return await _shown(db, views, answered, "/v1/officer/tickets")


async def _shown(db: Db, views: Views, ticket: queries.Ticket, root: str) -> Response[TicketOut]:
    await db.flush()
    out = views.of(ticket, await queries.photos_of(db, [ticket.id]))
    return wire.created(out, f"{root}/{ticket.id}", tag_of(out))


public = [list_categories, list_reject_reasons]
citizen = [
    upload_photo,
    get_photo,
    file_ticket,
    list_own_tickets,
    get_own_ticket,
    list_own_ticket_events,
    explain_own_deadline,
    rate_ticket,
]
officer = [
    upload_proof,
    get_ticket_photo,
    list_inbox,
    get_ticket,
    list_ticket_events,
    open_ticket_sender,
    explain_deadline,
    move_ticket,
    answer_ticket,
]
