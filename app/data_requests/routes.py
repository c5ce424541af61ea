"""Requests about one's own data over HTTP. Nobody asks for somebody else: no handler here is open to who acts for another."""

from typing import Annotated
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.response import Stream

from app.core import audit, pages, wire
from app.core.door import Db
from app.core.guards import TheCitizen, TheOfficer, needs, proves
from app.core.house import House
from app.core.idempotency import Once
from app.core.pages import PAGE_MAX, Page
from app.core.reasons import AccessReason
from app.data_requests import exports, handling, queries, service
from app.data_requests.models import DataRequest
from app.data_requests.rules import HANDLE, PROOF_MAX_AGE_S
from app.data_requests.schemas import (
    Acknowledgement,
    Completion,
    DataRequestLineOut,
    DataRequestOut,
    Extension,
    NewDataRequest,
    OfficerDataRequestOut,
    Refusal,
)
from app.departments.directory import Directory

Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)]
Cursor = Annotated[str | None, QueryParameter(max_length=300)]
Overdue = Annotated[bool, QueryParameter()]
TheHouse = NamedDependency[House]
TheDirectory = NamedDependency[Directory]


@post("/data-requests")
async def file_data_request(
    data: JSONBody[NewDataRequest], me: TheCitizen, db: Db, once: Once, house: TheHouse, directory: TheDirectory
) -> Response[DataRequestOut]:
    """Ask to see, correct, export or delete my data, object to its use or restrict it.

    The first answer comes within two working days, the end within 15 days. To export and to delete I prove again who I am; a
    deletion is carried out after seven days, until then it can be cancelled.
    """
    request = await service.file(db, house, directory.calendar, me, data)
    await db.flush()
    return wire.created(await queries.whole(db, house.crypto, request), f"/v1/citizen/data-requests/{request.id}")


@get("/data-requests")
async def list_data_requests(
    me: TheCitizen, db: Db, cursor: Cursor = None, limit: Limit = 20
) -> Page[DataRequestLineOut]:
    """My requests, the newest first, with when each is due."""
    found = await queries.own(db, me, cursor, limit)
    return pages.page(found, limit, lambda request: [request.id], queries.line)


@get("/data-requests/{request_id:uuid}")
async def get_data_request(request_id: FromPath[UUID], me: TheCitizen, db: Db, house: TheHouse) -> DataRequestOut:
    """One of my requests with its history."""
    return await queries.whole(db, house.crypto, await queries.one(db, me, request_id))


@post("/data-requests/{request_id:uuid}/cancellations", opt={"while_closing": True})
async def cancel_data_request(
    request_id: FromPath[UUID], me: TheCitizen, db: Db, once: Once, house: TheHouse
) -> Response[DataRequestOut]:
    """Take a request back while it is open; an account that was closing stays."""
    request = await service.cancel(db, house.revocations, me, request_id)
    await db.flush()
    return Response(await queries.whole(db, house.crypto, request), status_code=201)


@get(
    "/data-requests/{request_id:uuid}/export",
    media_type="application/zip",
    guards=[proves(0, PROOF_MAX_AGE_S)],
)
async def download_export(request_id: FromPath[UUID], me: TheCitizen, house: TheHouse) -> Stream:
    """The copy of my data as a zip file, for seven days after it was made."""
    async with house.database.transaction() as db:
        found = await exports.download(db, house.crypto, house.settings.uploads, me, request_id)
    name = {"Content-Disposition": f'attachment; filename="khue-{request_id}.zip"'}
    return Stream(found.pieces(), media_type="application/zip", headers=name)


@get("/data-requests", guards=[needs(HANDLE)])
async def list_data_requests_to_handle(
    me: TheOfficer, db: Db, cursor: Cursor = None, limit: Limit = 20, overdue: Overdue = False
) -> Page[DataRequestLineOut]:
    """Open requests about personal data, the one due next on top; nothing of what residents wrote."""
    found = await queries.work(db, me, cursor, limit, overdue=overdue)
    return pages.page(found, limit, lambda request: [request.next_due_at, request.id], queries.line)


@get("/data-requests/{request_id:uuid}", guards=[needs(HANDLE)])
async def get_data_request_to_handle(
    request_id: FromPath[UUID], me: TheOfficer, db: Db, house: TheHouse, access_reason: AccessReason
) -> OfficerDataRequestOut:
    """One request with what the resident wrote; that it was read, and why, is on the trail."""
    request = await queries.one(db, me, request_id)
    audit.record(
        db, me, "data-request.read", "data-request", request.id, account_id=request.account_id, reason=access_reason
    )
    return await queries.for_officer(db, house.crypto, request)


@post("/data-requests/{request_id:uuid}/acknowledgements", guards=[needs(HANDLE)])
async def acknowledge_data_request(
    request_id: FromPath[UUID], data: JSONBody[Acknowledgement], me: TheOfficer, db: Db, once: Once, house: TheHouse
) -> Response[DataRequestLineOut]:
    """Give the first answer."""
    return _moved(await handling.acknowledge(db, house.crypto, me, request_id, data))


@post("/data-requests/{request_id:uuid}/extensions", guards=[needs(HANDLE)])
async def extend_data_request(
    request_id: FromPath[UUID], data: JSONBody[Extension], me: TheOfficer, db: Db, once: Once, house: TheHouse
) -> Response[DataRequestLineOut]:
    """Take more time, once, and tell the resident why."""
    return _moved(await handling.extend(db, house.crypto, me, request_id, data))


@post("/data-requests/{request_id:uuid}/completions", guards=[needs(HANDLE)])
async def complete_data_request(
    request_id: FromPath[UUID], data: JSONBody[Completion], me: TheOfficer, db: Db, once: Once, house: TheHouse
) -> Response[DataRequestLineOut]:
    """Say that it is done, and what was done."""
    return _moved(await handling.complete(db, house.crypto, me, request_id, data))


@post("/data-requests/{request_id:uuid}/refusals", guards=[needs(HANDLE)])
async def refuse_data_request(
    request_id: FromPath[UUID], data: JSONBody[Refusal], me: TheOfficer, db: Db, once: Once, house: TheHouse
) -> Response[DataRequestLineOut]:
    """Refuse on a ground of the law, with words; an account that was closing stays."""
    refused = await handling.refuse(db, house.crypto, house.revocations, me, request_id, data)
    return _moved(refused)


def _moved(request: DataRequest) -> Response[DataRequestLineOut]:
    """Without the resident's words or anybody else's: an answer is kept for a repetition, and no reason was asked for."""
    return Response(queries.line(request), status_code=201)


citizen = [file_data_request, list_data_requests, get_data_request, cancel_data_request, download_export]
officer = [
    list_data_requests_to_handle,
    get_data_request_to_handle,
    acknowledge_data_request,
    extend_data_request,
    complete_data_request,
    refuse_data_request,
]
