"""What crosses the wire: parents of the structs, the answer to a creation, entity tags."""

import re
import unicodedata
from typing import Any, TypeVar

from litestar import Response
from msgspec import Struct

from app.core.errors import AppError, Text

T = TypeVar("T")

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What PostgreSQL or a screen cannot take, and the marks that turn the direction of what is read (Unicode TR 36 §3.1)."""


class In(Struct, kw_only=True, forbid_unknown_fields=True):
    """What comes in: unknown fields are refused, text becomes NFC, NUL is refused."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, str):
                setattr(self, name, clean(value))


class Out(Struct, kw_only=True):
    """What goes out."""


def clean(text: str) -> str:
    """NFC. Raises ValueError on NUL and other control characters."""
    if _CONTROL.search(text):
        raise ValueError("control characters are not allowed")
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


class Stale(AppError):
    status, code = 412, "stale"
    title = Text("Dữ liệu đã thay đổi", "This has changed meanwhile")
    detail = Text(
        "Hãy tải lại rồi thử lại; phiên bản hiện tại là {etag}.", "Load it again and retry; it is now {etag}."
    )


class IfMatchNeeded(AppError):
    status, code = 428, "if-match-needed"
    title = Text("Thiếu If-Match", "If-Match is needed")
    detail = Text(
        "Gửi ETag bạn đã đọc trong If-Match để không ghi đè người khác.",
        "Send the ETag you read as If-Match, so that nobody is overwritten.",
    )


def created(out: T, location: str, etag: str = "") -> Response[T]:
    headers = {"Location": location}
    if etag:
        headers["ETag"] = etag
    return Response(out, status_code=201, headers=headers)


def etag(version: int) -> str:
    """The strong entity tag of a row that counts its versions."""
    return f'"v{version}"'


def tagged(out: object, tag: str, if_none_match: str | None) -> Response[Any]:
    """200 with the tag, or 304 when the caller has it already (RFC 9110 §13.1.2)."""
    if if_none_match and (if_none_match.strip() == "*" or tag in [t.strip() for t in if_none_match.split(",")]):
        return Response(None, status_code=304, headers={"ETag": tag})
    return Response(out, headers={"ETag": tag})


def check_if_match(if_match: str | None, tag: str) -> None:
    """Raises IfMatchNeeded or Stale (RFC 9110 §13.1.1, RFC 6585 §3). Weak tags never match."""
    if not if_match:
        raise IfMatchNeeded
    if if_match.strip() != "*" and tag not in [t.strip() for t in if_match.split(",")]:
        raise Stale(etag=tag)
