"""Faults on demand: `PUT /faults/sms {"kind": "slow", "seconds": 3, "count": 2}`. What tests need to see us cope with."""

import asyncio
from typing import Annotated, Any, Literal, cast

from litestar import Response, delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from msgspec import Meta, Struct

SYSTEMS = ("eid", "eid-again", "staff", "sms", "fcm", "population", "business")
"""`eid-again` lies where the eID is asked again with a refresh token; it knows no other fault."""
Lie = Literal[
    "nonce",
    "audience",
    "party",
    "issuer",
    "expiry",
    "issue",
    "start",
    "level",
    "unknown-level",
    "loose-level",
    "time",
    "no-time",
    "access-hash",
    "key",
    "signature",
    "algorithm",
    "token",
    "subject",
    "userinfo",
    "metadata",
    "plain-http",
    "no-par",
    "gender",
    "number",
]
FOREVER = 1_000_000_000


class Fault(Struct, kw_only=True):
    """`slow` answers late, `error` answers `status` and does nothing, `drop` does it and never answers, `nonsense` answers
    200 with what is no JSON, `lie` (of the OpenID providers) answers well-formed untruths `about` something."""

    kind: Literal["slow", "error", "drop", "nonsense", "lie"]
    about: Lie = "nonce"
    seconds: Annotated[float, Meta(ge=0, le=120)] = 5.0
    status: Annotated[int, Meta(ge=400, le=599)] = 503
    count: Annotated[int, Meta(ge=1)] = FOREVER
    """How many calls it strikes."""


class Faults:
    """The faults in force, by system."""

    def __init__(self) -> None:
        self.by_system: dict[str, Fault] = {}

    def strike(self, system: str) -> Fault | None:
        """The fault of this call, counted down."""
        fault = self.by_system.get(system)
        if fault is None or fault.kind == "lie":
            return None
        self._count(system, fault)
        return fault

    def lies(self, system: str, *about: Lie) -> Lie | None:
        """What to lie about now, if it is one of these; counted down."""
        fault = self.by_system.get(system)
        if fault is None or fault.kind != "lie" or fault.about not in about:
            return None
        self._count(system, fault)
        return fault.about

    def _count(self, system: str, fault: Fault) -> None:
        fault.count -= 1
        if fault.count == 0:
            del self.by_system[system]


@get("/faults")
async def list_faults(faults: NamedDependency[Faults]) -> dict[str, Fault]:
    """What is in force."""
    return faults.by_system


@put("/faults/{system:str}")
async def set_fault(system: FromPath[str], data: JSONBody[Fault], faults: NamedDependency[Faults]) -> Response[Any]:
    """Let a system misbehave."""
    if system not in SYSTEMS:
        return Response({"error": f"unknown system; one of {', '.join(SYSTEMS)}"}, status_code=404)
    faults.by_system[system] = data
    return Response(data)


@delete("/faults")
async def clear_faults(faults: NamedDependency[Faults]) -> None:
    """Let everything behave again."""
    faults.by_system.clear()


def faulty(system: str) -> Any:
    """A middleware that lets the faults of a system strike."""

    def middleware(app: ASGIApp) -> ASGIApp:
        async def run(scope: Scope, receive: Receive, send: Send) -> None:
            faults: Faults = scope["litestar_app"].state.faults
            fault = faults.strike(system)
            if fault is None:
                await app(scope, receive, send)
            elif fault.kind == "slow":
                await asyncio.sleep(fault.seconds)
                await app(scope, receive, send)
            elif fault.kind == "error":
                await _answer(send, fault.status)
            elif fault.kind == "nonsense":
                await _answer(send, 200, b"<html>Down for maintenance</html>")
            else:
                await app(scope, receive, _unheard)
                await asyncio.sleep(fault.seconds)
                await _answer(send, 504)

        return run

    return middleware


async def _unheard(_: Message) -> None:
    """The answer that never arrives."""


async def _answer(send: Send, status: int, body: bytes = b'{"error": "on demand"}') -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send(cast(Message, {"type": "http.response.start", "status": status, "headers": headers}))
    await send(cast(Message, {"type": "http.response.body", "body": body, "more_body": False}))


handlers = [list_faults, set_fault, clear_faults]
