"""A body is read in one way only: JSON in which a name stands twice is refused (RFC 8259 §4 leaves it open, RFC 7493 §2.3
does not). Otherwise a proxy may have checked the first value and we take the last. It costs some four microseconds a request."""

import json
import re
from typing import Any

from litestar.types import Receive

from app.core.errors import AppError, Text, UnsupportedMediaType

JSON = re.compile(rb"application/(json|[a-z0-9.-]+\+json)")


class NameTwice(AppError):
    status, code = 400, "name-twice"
    title = Text("Một trường được gửi hai lần", "A field was sent twice")
    detail = Text("Trong mỗi đối tượng JSON, một tên chỉ xuất hiện một lần.", "In a JSON object, a name stands once.")


class Clear:
    """Receives a whole body for a handler that takes JSON; refuses one that says it is something else, or that can be read
    in two ways. Asked only once somebody wants the body: who may not come in is told that first."""

    def __init__(self, receive: Receive, content_type: bytes) -> None:
        self._receive = receive
        self._content_type = content_type.partition(b";")[0].strip().lower()
        self._whole = False

    async def __call__(self) -> Any:
        """Raises UnsupportedMediaType, NameTwice."""
        if self._content_type and not JSON.fullmatch(self._content_type):
            raise UnsupportedMediaType
        parts: list[bytes] = []
        while not self._whole:
            message = await self._receive()
            if message["type"] != "http.request":
                return message
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                self._whole = True
                body = b"".join(parts)
                check(body)
                return {"type": "http.request", "body": body, "more_body": False}
        return await self._receive()


def check(body: bytes) -> None:
    """Raises NameTwice. What is no JSON at all is for the decoder to say."""
    try:
        _READER.decode(body.decode())
    except ValueError:
        return


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) > 1 and len({name for name, _ in pairs}) != len(pairs):
        raise NameTwice


def _nothing(_: str) -> None:
    """Numbers are for the decoder; here they cost only time."""


_READER = json.JSONDecoder(object_pairs_hook=_once, parse_int=_nothing, parse_float=_nothing, strict=False)
