"""How a message reads: templates with named values, times on the city's clock. Pure."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.core.jobs import Lane, declare

PUSH_JOB = declare("push", Lane.NORMAL, timeout_s=60, tries_max=24)
"""24 tries last some two and a half hours: so long may the way to the phones be closed."""

PUSH_BODY_MAX = 240
"""What a phone shows without unfolding."""


def fill(template: str, params: dict[str, Any], language: str, timezone: str) -> str:
    """Put the values in: a name ending in `_at` is a moment, one of CODED a word. An unknown name stays visible."""
    spoken = {name: _say(name, value, language, timezone) for name, value in params.items()}
    return template.format_map(_Open(spoken))


def _say(name: str, value: Any, language: str, timezone: str) -> Any:
    if name.endswith("_at"):
        return _moment(str(value), language, timezone)
    if name in CODED and value in WORDS:
        return WORDS[value][0 if language == "vi" else 1]
    return value


CODED = ("method",)
"""Values of the trail that are codes: ways to sign in."""
WORDS = {
    "phone": ("mã gửi đến điện thoại", "a code sent to the phone"),
    "eid": ("định danh điện tử", "the national eID"),
    "passkey": ("khoá truy cập (passkey)", "a passkey"),
}


class _Open(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return f"{{{key}}}"


def _moment(text: str, language: str, timezone: str) -> str:
    local = datetime.fromisoformat(text).astimezone(ZoneInfo(timezone))
    return f"{local:%H:%M} ngày {local:%d/%m/%Y}" if language == "vi" else f"{local:%H:%M} on {local:%d %b %Y}"
