"""The inbox over HTTP."""

from typing import Annotated
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, QueryParameter

from app.core import errors, pages
from app.core.door import Db
from app.core.guards import TheCitizen
from app.core.house import House
from app.core.idempotency import Once
from app.core.pages import PAGE_MAX, Page
from app.notifications import queries, service
from app.notifications.schemas import MessageOut, UnreadOut

Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)]
Cursor = Annotated[str | None, QueryParameter(max_length=300)]
Language = Annotated[str, HeaderParameter(name="Accept-Language", max_length=200)]
Unread = Annotated[bool, QueryParameter()]
TheHouse = NamedDependency[House]


@get("/messages", opt={"on_behalf": "inbox"})
async def list_messages(
    me: TheCitizen,
    db: Db,
    house: TheHouse,
    cursor: Cursor = None,
    limit: Limit = 20,
    unread: Unread = False,
    accept_language: Language = "vi",
) -> Page[MessageOut]:
    """My inbox, newest first, in the language asked for."""
    found = await queries.own(db, me, cursor, limit, unread=unread)
    language, zone = errors.language_of(accept_language), house.settings.timezone
    return pages.page(found, limit, lambda row: [row[0].id], lambda row: queries.shown(*row, language, zone))


@get("/messages/unread", opt={"on_behalf": "inbox"})
async def count_unread(me: TheCitizen, db: Db) -> UnreadOut:
    """How many messages I have not read."""
    return UnreadOut(unread=await queries.unread(db, me))


@post("/messages/{message_id:uuid}/reads", opt={"on_behalf": "inbox"})
async def read_message(
    message_id: FromPath[UUID], me: TheCitizen, db: Db, once: Once, house: TheHouse, accept_language: Language = "vi"
) -> Response[MessageOut]:
    """Mark a message as read."""
    message, template = await queries.one(db, me, message_id)
    out = queries.shown(
        await service.read(db, me, message), template, errors.language_of(accept_language), house.settings.timezone
    )
    return Response(out, status_code=201)


@post("/message-reads", opt={"on_behalf": "inbox"})
async def read_all_messages(me: TheCitizen, db: Db, once: Once) -> UnreadOut:
    """Mark everything as read."""
    await service.read_all(db, me)
    return UnreadOut(unread=0)


citizen = [list_messages, count_unread, read_message, read_all_messages]
