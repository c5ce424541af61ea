"""A body is read in one way only: JSON in which a name stands twice is refused (RFC 8259 §4 leaves it open, RFC 7493 §2.3
does not). Otherwise a proxy may have checked the first value and we take the last."""

import json
from typing import Any

from litestar.types import Receive

from app.core.errors import AppError, Text


class NameTwice(AppError):
    status, code = 400, "name-twice"
    title = Text("Một trường được gửi hai lần", "A field was sent twice")
    detail = Text("Trong mỗi đối tượng JSON, một tên chỉ xuất hiện một lần.", "In a JSON object, a name stands once.")


class Clear:
    """Receives a whole body, and refuses it if it is JSON that can be read in two ways.

    What is larger than any JSON we take (`json_bytes_max`) is a picture.
    """

    def __init__(self, receive: Receive, json_bytes_max: int) -> None:
        self._receive = receive
        self._json_bytes_max = json_bytes_max
        self._whole = False

    async def __call__(self) -> Any:
        """Raises NameTwice."""
        parts: list[bytes] = []
        while not self._whole:
            message = await self._receive()
            if message["type"] != "http.request":
                return message
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                self._whole = True
                body = b"".join(parts)
                if len(body) <= self._json_bytes_max and body.lstrip()[:1] in (b"{", b"["):
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
