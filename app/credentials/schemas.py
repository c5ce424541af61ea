"""What crosses the wire about signing in."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from app.core.wire import In, Out

Phone = Annotated[str, Meta(min_length=8, max_length=20)]
Name = Annotated[str, Meta(max_length=100)]
Digits = Annotated[str, Meta(pattern="^[0-9]{6}$", max_length=6)]


class AskCode(In):
    phone: Phone
    device_id: Annotated[str, Meta(min_length=8, max_length=100)] | None = None
    """Made by the app when it was installed; codes have a rate by it, too."""
    language: Literal["vi", "en"] = "vi"


class CodeSentOut(Out):
    expires_at: datetime


class NewSession(In):
    phone: Phone
    code: Digits
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
    iss: Annotated[str, Meta(max_length=500)] = ""
    """As the provider sent it along with the code (RFC 9207); checked if it is there."""
    device_name: Name = ""


class BeginProof(In):
    """What the challenge of the 401 says: `acr_values` as a level, `max_age` in seconds; 0: prove it anew now."""

    level: Annotated[int, Meta(ge=1, le=2)] = 2
    max_age_s: Annotated[int, Meta(ge=0, le=86400)] = 0


class ProofReturned(In):
    code: Annotated[str, Meta(min_length=1, max_length=2000)]
    state: Annotated[str, Meta(min_length=1, max_length=200)]
    iss: Annotated[str, Meta(max_length=500)] = ""


class PhoneProof(In):
    code: Digits
