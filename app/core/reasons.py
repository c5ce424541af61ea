"""Why an officer opens personal data: said in `X-Access-Reason`, kept on the trail.

A header has no Vietnamese letters, so the reason comes percent-encoded in UTF-8 (as RFC 8187 §3.2.1 does it, without the name
of the charset): `encodeURIComponent` in a browser, `urllib.parse.quote` in Python.
"""

import re
from typing import Any
from urllib.parse import unquote

from litestar import Request
from litestar.di import NamedDependency

from app.core import wire
from app.core.errors import AppError, Text

HEADER = "X-Access-Reason"
LEAST, MOST = 2, 300

AccessReason = NamedDependency[str]
"""Declared by a handler as `access_reason`: it opens personal data, and keeps the caller's words on why. (Not `reason`: to
Litestar, a fault in a body's field of that name would be one in ours.)"""

_ENCODED = re.compile(r"(?:[\x20-\x24\x26-\x7e]|%[0-9A-Fa-f]{2})*")
_NUMBER = re.compile(r"\+?\d(?:[ .\-]?\d){8,}")
HIDDEN = "•••"


class ReasonNeeded(AppError):
    status, code = 422, "reason-needed"
    title = Text("Cần nêu lý do", "A reason is needed")
    detail = Text(
        "Nêu lý do từ {least} đến {most} ký tự; trong X-Access-Reason thì mã hoá phần trăm theo UTF-8. Lý do được lưu lại và"
        " người dân xem được.",
        "Say why, in {least} to {most} characters; in X-Access-Reason as percent-encoded UTF-8. It is kept, and the resident"
        " can read it.",
    )

    def __init__(self) -> None:
        super().__init__(least=LEAST, most=MOST)


def check(text: str) -> str:
    """A reason as it is kept: NFC, one line, no personal or telephone number in it. Raises ReasonNeeded."""
    try:
        said = " ".join(wire.clean(text).split())
    except ValueError as wrong:
        raise ReasonNeeded from wrong
    if not LEAST <= len(said) <= MOST or sum(letter.isalnum() for letter in said) < LEAST:
        raise ReasonNeeded
    return _NUMBER.sub(HIDDEN, said)


def decode(header: str | None) -> str:
    """Raises ReasonNeeded for none, for raw letters beyond ASCII and for broken encoding: nobody guesses what was meant."""
    if header is None or not _ENCODED.fullmatch(header):
        raise ReasonNeeded
    try:
        return check(unquote(header, errors="strict"))
    except UnicodeDecodeError as wrong:
        raise ReasonNeeded from wrong


async def provide_reason(request: Request[Any, Any, Any]) -> str:
    return decode(request.headers.get(HEADER))
