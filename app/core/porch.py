"""The porch: what every request meets before the application, on plain ASGI.

Request id, caps on headers and body, refusal of what is not text, shedding by lane, draining, security headers, metrics.
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import unquote_to_bytes

import structlog
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from opentelemetry.trace import SpanKind

from app.core import audit, errors, telemetry
from app.core.db import begin_scope
from app.core.errors import AppError
from app.core.house import RATE
from app.core.ids import new_id
from app.core.jobs import Lane
from app.core.limits import Spent
from app.core.settings import Settings

log = structlog.get_logger()

SHARE = {Lane.BULK: 0.5, Lane.NORMAL: 0.8, Lane.URGENT: 1.0}
"""Past this share of `server.requests_max` a lane is shed: the least urgent work first."""

HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
API_POLICY = b"default-src 'none'; frame-ancestors 'none'"
PERSONAL = ("/v1/citizen", "/v1/officer", "/v1/partner")
SLOW_S = 2.0
WITH_BODY = ("POST", "PUT", "PATCH")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_REQUEST_ID = re.compile(rb"[A-Za-z0-9_-]{8,64}")


class NotText(AppError):
    status, code = 400, "not-text"
    title = errors.Text("Địa chỉ chứa ký tự không hợp lệ", "The address is not valid text")
    detail = errors.Text("Chỉ dùng UTF-8, không có ký tự NUL.", "Use UTF-8 without NUL.")


class Porch:
    """Wraps the application; it is what the server runs."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        *,
        body_caps: Mapping[str, int],
        lane_of: Callable[[Scope], Lane | None],
        explain: Callable[[BaseException], AppError],
    ) -> None:
        self._app = app
        self._settings = settings.server
        self._body_caps = body_caps
        self._lane_of = lane_of
        self._explain = explain
        self._under_way = 0
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._headers = list(HEADERS)
        if settings.server.public_url.startswith("https:"):
            self._headers.append((b"strict-transport-security", b"max-age=31536000"))

    def drain(self) -> None:
        """From now on the new is refused with 503; what has begun goes on."""
        self._draining = True

    async def drained(self, timeout_s: float) -> bool:
        """Waits until nothing is under way; False if that took too long."""
        try:
            await asyncio.wait_for(self._idle.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if not telemetry.tracing():
            await self._serve(scope, receive, send)
            return
        parent = header_of(scope, b"traceparent").decode("latin-1")
        with telemetry.span(f"{scope['method']} request", SpanKind.SERVER, parent) as span:
            await self._serve(scope, receive, send)
            span.update_name(f"{scope['method']} {scope.get('path_template', '')}")

    async def _serve(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        visit = Visit(scope, send, self._settings.trusted_proxies, self._headers)
        lane = self._lane_of(scope)
        self._enter()
        try:
            self._admit(lane)
            await self._app(scope, self._careful(scope, receive), visit.send)
        except AppError as error:
            await visit.refuse(error)
        except Exception as wrong:
            error = self._explain(wrong)
            log.error("request broke", problem=error.code, exc_info=wrong)
            await visit.refuse(error)
        finally:
            self._leave()
            visit.account(lane)

    def _enter(self) -> None:
        self._under_way += 1
        self._idle.clear()
        telemetry.IN_FLIGHT.set(self._under_way)

    def _leave(self) -> None:
        self._under_way -= 1
        telemetry.IN_FLIGHT.set(self._under_way)
        if self._under_way == 0:
            self._idle.set()

    def _admit(self, lane: Lane | None) -> None:
        if self._draining:
            raise errors.ShuttingDown(headers={"Connection": "close"})
        if lane is not None and self._under_way > self._settings.requests_max * SHARE[lane]:
            telemetry.SHED.labels(lane).inc()
            raise errors.Overloaded

    def _careful(self, scope: HTTPScope, receive: Receive) -> Receive:
        """Checks the head now; the body as it comes."""
        check_text(scope)
        length = self._check_headers(scope)
        cap = self._body_caps.get(scope["path"], self._settings.body_bytes_max)
        if length > cap:
            raise errors.BodyTooLarge(bytes_max=cap)
        return Body(receive, cap, self._settings.body_timeout_s, awaited=scope["method"] in WITH_BODY)

    def _check_headers(self, scope: Scope) -> int:
        size = length = 0
        for name, value in scope["headers"]:
            size += len(name) + len(value)
            if name == b"content-length":
                length = int(value) if value.isdigit() else 0
        if size > self._settings.header_bytes_max:
            raise errors.HeadersTooLarge
        return length


class Body:
    """Receives a body no larger and no slower than allowed."""

    def __init__(self, receive: Receive, bytes_max: int, timeout_s: float, *, awaited: bool) -> None:
        self._receive = receive
        self._bytes_max = bytes_max
        self._timeout_s = timeout_s
        self._awaited = awaited
        self._size = 0
        self._whole = False
        self._until = 0.0

    async def __call__(self) -> Any:
        if self._whole:
            return await self._receive()
        now = time.monotonic()
        self._until = self._until or now + self._timeout_s
        try:
            async with asyncio.timeout(max(self._until - now, 0)):
                message = await self._receive()
        except TimeoutError as wrong:
            raise errors.BodyTooSlow(headers={"Connection": "close"}) from wrong
        if message["type"] == "http.disconnect" and self._awaited:
            raise errors.BodyCutShort
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            if self._size > self._bytes_max:
                raise errors.BodyTooLarge(bytes_max=self._bytes_max)
        return message


class Visit:
    """One request as the porch sees it: who it is, what it is answered."""

    def __init__(self, scope: Scope, send: Send, trusted: list[str], headers: list[tuple[bytes, bytes]]) -> None:
        begin_scope()
        self._scope = cast(dict[str, Any], scope)
        self._send = send
        self._headers = headers
        self._began = time.monotonic()
        self._status = 0
        asked = header_of(scope, b"x-request-id")
        self._id = asked.decode() if _REQUEST_ID.fullmatch(asked) else new_id().hex
        self._scope["khue.request_id"] = self._id
        self._scope["khue.address"] = address_of(scope, trusted)
        audit.begin(self._scope["khue.address"], self._id)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=self._id)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = list(message["headers"])
            named = {name for name, _ in headers}
            headers += [*self._headers, (b"x-request-id", self._id.encode())]
            if b"content-security-policy" not in named:
                headers.append((b"content-security-policy", API_POLICY))
            if b"cache-control" not in named:
                personal = self._scope["path"].startswith(PERSONAL) or self._scope["method"] not in ("GET", "HEAD")
                headers.append((b"cache-control", b"private, no-store" if personal else b"no-cache"))
            spent: Spent | None = self._scope.get(RATE)
            if spent is not None:
                headers += spent.headers()
            message["headers"] = headers
        await self._send(message)

    async def refuse(self, error: AppError) -> None:
        if self._status:
            return  # an answer has begun; nothing better can be said
        language = errors.language_of(header_of(cast(Scope, self._scope), b"accept-language").decode("latin-1"))
        body = errors.encode(errors.problem(error, language, self._id))
        headers = [(name.lower().encode(), value.encode()) for name, value in error.headers.items()]
        headers += [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]
        await self.send({"type": "http.response.start", "status": error.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    def account(self, lane: Lane | None) -> None:
        seconds = time.monotonic() - self._began
        route = self._scope.get("path_template", "")
        method = self._scope["method"] if self._scope["method"] in METHODS else "other"
        telemetry.REQUESTS.labels(method, route, self._status).inc()
        telemetry.REQUEST_SECONDS.labels(lane or "house").observe(seconds)
        if seconds > SLOW_S:
            log.warning("slow request", route=route, status=self._status, seconds=round(seconds, 3))


def check_text(scope: Scope) -> None:
    """Path and query are UTF-8 without NUL. Raises NotText."""
    for raw in (scope.get("raw_path") or b"", scope["query_string"]):
        if b"%" not in raw and raw.isascii():
            continue
        plain = unquote_to_bytes(raw)
        try:
            plain.decode()
        except UnicodeDecodeError as wrong:
            raise NotText from wrong
        if b"\0" in plain:
            raise NotText


def address_of(scope: Scope, trusted: list[str]) -> str:
    """The peer, or who stands before it if the peer is a proxy of ours: the last hop that is not."""
    client = scope.get("client")
    peer = client[0] if client else ""
    if peer not in trusted:
        return peer
    hops = [hop.strip() for hop in header_of(scope, b"x-forwarded-for").decode("latin-1").split(",") if hop.strip()]
    return next((hop for hop in reversed(hops) if hop not in trusted), peer)


def header_of(scope: Scope, name: bytes) -> bytes:
    return next((value for key, value in scope["headers"] if key == name), b"")
