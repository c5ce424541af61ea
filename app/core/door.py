"""The transaction of a door: opened by the first who asks for `db`, committed after the handler, before the answer leaves.

Raise, or answer 400 and above: roll back. An answer under an idempotency key is kept in the same transaction. This is a
middleware and not a generator dependency, because Litestar leaves a generator open when a later dependency raises.
"""

from typing import Any, cast

from litestar import Request
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.handlers import HTTPRouteHandler
from litestar.params import BodyKwarg
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

from app.core import idempotency
from app.core.bodies import Clear
from app.core.db import Database, committed, hold, release
from app.core.idempotency import Answer, Claim

Db = NamedDependency[AsyncSession]
"""The door's transaction."""

UNIT = "khue.unit"


class Unit:
    """What one request does to the database: all of it or nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._session: AsyncSession | None = None
        self._transaction: AsyncSessionTransaction | None = None
        self.claim: Claim | None = None

    async def session(self) -> AsyncSession:
        if self._session is None:
            self._session = self._database.sessions()
            hold()
            self._transaction = await self._session.begin()
        return self._session

    @property
    def open(self) -> bool:
        return self._transaction is not None

    async def commit(self, answer: Answer) -> None:
        if self._session is None or self._transaction is None:
            return
        if self.claim is not None:
            await idempotency.keep(self._session, self.claim, answer)
        await self._transaction.commit()
        session = self._session
        await self.close()
        await committed(session)

    async def close(self) -> None:
        """Give the connection back; what was not committed is rolled back."""
        if self._session is not None:
            session, self._session, self._transaction = self._session, None, None
            release()
            await session.close()


def transactional(app: ASGIApp) -> ASGIApp:
    """The middleware of every door."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        unit = Unit(scope["litestar_app"].state.house.database)
        cast(dict[str, Any], scope)[UNIT] = unit
        try:
            await app(scope, _clear(scope, receive), _Committing(unit, send))
        finally:
            await unit.close()

    return run


def _clear(scope: Scope, receive: Receive) -> Receive:
    """What a handler that takes JSON receives; others read the body as it is."""
    handler = cast(HTTPRouteHandler, scope["route_handler"])
    data = handler.parsed_fn_signature.parameters.get("data")
    if data is None or (
        isinstance(data.kwarg_definition, BodyKwarg) and data.kwarg_definition.media_type != RequestEncodingType.JSON
    ):
        return receive
    return Clear(receive, next((value for name, value in scope["headers"] if name == b"content-type"), b""))


class _Committing:
    """Holds back the answer until the transaction is committed; an answer without one passes through.

    To Litestar the answer has begun by then, so what a commit raises comes out wrapped; the porch unwraps and says it.
    """

    def __init__(self, unit: Unit, send: Send) -> None:
        self._unit = unit
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if not self._unit.open:
            await self._send(message)
            return
        if message["type"] == "http.response.start":
            self._start = message
            return
        if message["type"] == "http.response.body" and self._start is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish()

    async def _finish(self) -> None:
        start = cast(dict[str, Any], self._start)
        if start["status"] < 400:
            await self._unit.commit(Answer(start["status"], kept_headers(start["headers"]), self._body))
        await self._unit.close()
        await self._send(cast(Message, start))
        await self._send({"type": "http.response.body", "body": self._body, "more_body": False})


def kept_headers(headers: list[tuple[bytes, bytes]]) -> list[str]:
    kept: list[str] = []
    for name, value in headers:
        if name.decode("latin-1").lower() in idempotency.KEPT_HEADERS:
            kept += [name.decode("latin-1").lower(), value.decode("latin-1")]
    return kept


async def provide_db(scope: Scope) -> AsyncSession:
    return await cast(Unit, cast(dict[str, Any], scope)[UNIT]).session()


async def provide_once(request: Request[Any, Any, Any], db: Db) -> Claim:
    """Take the caller's idempotency key in the door's transaction, or answer what was answered before."""
    claim = await idempotency.claim_of(request)
    await idempotency.take(db, claim)
    cast(Unit, cast(dict[str, Any], request.scope)[UNIT]).claim = claim
    return claim


async def provide_claim(request: Request[Any, Any, Any]) -> Claim:
    """The caller's idempotency key for a hot path, whose one statement takes it and keeps the answer."""
    return await idempotency.claim_of(request)
