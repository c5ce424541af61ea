"""What crosses the wire about signing in."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from app.core.wire import In, Out

Phone = Annotated[str, Meta(min_length=8, max_length=20)]
Name = Annotated[str, Meta(max_length=100)]


class AskCode(In):
    phone: Phone
    device_id: Annotated[str, Meta(min_length=8, max_length=100)] | None = None
    """Made by the app when it was installed; codes have a rate by it, too."""
    language: Literal["vi", "en"] = "vi"


class CodeSentOut(Out):
    expires_at: datetime


class NewSession(In):
    phone: Phone
    code: Annotated[str, Meta(pattern=r"^\d{6}$")]
    device_name: Name = ""


class BeginEid(In):
    level: Annotated[int, Meta(ge=1, le=2)] = 1


class BegunOut(Out):
    """Open `url` in the browser; the provider comes back with `code` and this `state`."""

    url: str
    state: str


class Returned(In):
    code: Annotated[str, Meta(min_length=1, max_length=2000)]
    state: Annotated[str, Meta(min_length=1, max_length=200)]
    device_name: Name = ""
