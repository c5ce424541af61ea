"""The one way out of the house: timeouts, bounded retries with jitter, a circuit breaker a system, redacted logs.

It refuses to run while the calling task holds an open transaction: a slow vendor must never hold a connection.
"""

import asyncio
import random
import ssl
import time

import httpx2
import structlog

from app.core import telemetry
from app.core.db import transaction_open
from app.core.errors import OutsideUnavailable
from app.core.settings import Http

log = structlog.get_logger()

REPEATABLE = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS")
TRY_AGAIN = (502, 503, 504, 429)


class TransactionOpen(Exception):
    """A mistake of ours: an outside system was to be called between `begin` and `commit`."""


class Outbound:
    """One a process. `client(system)` is an httpx2 client whose every call keeps the rules above.

    Raises OutsideUnavailable when the system does not answer or its breaker is open; any answer it gives is returned.
    """

    def __init__(self, settings: Http) -> None:
        self._settings = settings
        self.timeout_s = settings.timeout_s
        trust = ssl.create_default_context(cafile=settings.ca_file or None)
        self._wire = httpx2.AsyncHTTPTransport(
            verify=trust, limits=httpx2.Limits(max_connections=50, max_keepalive_connections=20, keepalive_expiry=20)
        )
        self._ways: dict[str, Guarded] = {}

    def way(self, system: str) -> "Guarded":
        """The transport to one system, for clients that are built on httpx2 themselves."""
        return self._ways.setdefault(system, Guarded(system, self._settings, self._wire))

    def client(self, system: str) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=self.way(system), timeout=self.timeout_s)

    async def close(self) -> None:
        await self._wire.aclose()


class Breaker:
    """Opens after so many failures in a row; then lets one call through every `open_s` until one succeeds."""

    def __init__(self, failures_max: int, open_s: float) -> None:
        self._failures_max = failures_max
        self._open_s = open_s
        self._failures = 0
        self._try_at = 0.0

    def admits(self) -> bool:
        if self._failures < self._failures_max:
            return True
        now = time.monotonic()
        if now < self._try_at:
            return False
        self._try_at = now + self._open_s
        return True

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self) -> None:
        self._failures += 1
        if self._failures == self._failures_max:
            self._try_at = time.monotonic() + self._open_s


class Guarded(httpx2.AsyncBaseTransport):
    """An httpx2 transport to one outside system."""

    def __init__(self, system: str, settings: Http, wire: httpx2.AsyncBaseTransport) -> None:
        self._system = system
        self._settings = settings
        self._wire = wire
        self._breaker = Breaker(settings.breaker_failures, settings.breaker_open_s)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if transaction_open():
            raise TransactionOpen(self._system)
        if not self._breaker.admits():
            telemetry.OUTBOUND.labels(self._system, "refused").inc()
            raise OutsideUnavailable(system=self._system)
        if parent := telemetry.trace_parent():
            request.headers["traceparent"] = parent
        tries = 1 + (self._settings.retries_max if _repeatable(request) else 0)
        for left in reversed(range(tries)):
            answer = await self._once(request)
            if answer is not None and (left == 0 or answer.status_code not in TRY_AGAIN):
                return self._said(request, answer)
            if left:
                if answer is not None:
                    await answer.aclose()
                await asyncio.sleep(random.uniform(0.5, 1.0) * 0.1 * 2 ** (tries - left))  # noqa: S311
        self._breaker.failed()
        telemetry.OUTBOUND.labels(self._system, "failed").inc()
        raise OutsideUnavailable(system=self._system)

    async def _once(self, request: httpx2.Request) -> httpx2.Response | None:
        try:
            return await self._wire.handle_async_request(request)
        except httpx2.TransportError as wrong:
            log.warning("outside call failed", system=self._system, host=request.url.host, error=type(wrong).__name__)
            return None

    def _said(self, request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        if answer.status_code >= 500:
            self._breaker.failed()
            log.warning("outside call refused", system=self._system, host=request.url.host, status=answer.status_code)
        else:
            self._breaker.succeeded()
        telemetry.OUTBOUND.labels(self._system, str(answer.status_code)).inc()
        return answer


def _repeatable(request: httpx2.Request) -> bool:
    return request.method in REPEATABLE or "idempotency-key" in request.headers
