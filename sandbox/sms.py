"""SMS: one HTTP call, and a page of the messages."""

import html
from collections import deque
from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter
from msgspec import Struct, field

from sandbox.faults import faulty
from sandbox.pages import page, table


class NewSms(Struct, frozen=True):
    sender: str = field(name="from")
    to: str = ""
    text: str = ""


class Sms(Struct, frozen=True):
    to: str
    text: str
    at: datetime


class Outbox:
    """The messages sent, the newest first; a repeated key is one message."""

    def __init__(self) -> None:
        self.messages: deque[Sms] = deque(maxlen=5000)
        self._keys: deque[str] = deque(maxlen=5000)

    def take(self, new: NewSms, key: str) -> None:
        if key and key in self._keys:
            return
        self._keys.append(key)
        self.messages.appendleft(Sms(new.to, new.text, datetime.now(UTC)))


TheOutbox = NamedDependency[Outbox]


@post("/messages", status_code=202)
async def send_sms(data: JSONBody[NewSms], request: Request[Any, Any, Any], sms: TheOutbox) -> dict[str, str]:
    """Take one message."""
    sms.take(data, request.headers.get("idempotency-key", ""))
    return {"status": "accepted"}


@get("/messages")
async def list_sms(sms: TheOutbox, to: Annotated[str, QueryParameter()] = "") -> list[Sms]:
    """What a phone received, the newest first."""
    return [one for one in sms.messages if not to or one.to == to]


@get("/")
async def show_sms(sms: TheOutbox) -> Response[str]:
    """The page of messages."""
    rows = [[f"{one.at:%H:%M:%S}", html.escape(one.to), html.escape(one.text)] for one in list(sms.messages)[:200]]
    return page("Tin nhắn SMS", table(["Lúc", "Tới", "Nội dung"], rows), refresh_s=2)


router = Router(
    "/sms", route_handlers=[list_sms, show_sms, Router("/", route_handlers=[send_sms], middleware=[faulty("sms")])]
)
