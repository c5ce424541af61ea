"""What crosses the wire about signing in."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from app.core.wire import In, Out

Phone = Annotated[str, Meta(min_length=8, max_length=20)]
Name = Annotated[str, Meta(max_length=100)]
Code = Annotated[str, Meta(pattern=r"^[0-9]{6}$", max_length=6)]


class Asking(In, kw_only=True):
    device_id: Annotated[str, Meta(min_length=8, max_length=100)] | None = None
    """Made by the app when it was installed; codes have a rate by it, too."""
    language: Literal["vi", "en"] = "vi"


class AskCode(Asking, kw_only=True):
    phone: Phone


class AskOwnCode(Asking):
    """Without a phone, the code goes to the account's own."""

    phone: Phone | None = None


class PhoneProof(In):
    code: Code


class NewPhone(In):
    phone: Phone
    code: Code


class Agreed(In):
    """The resident's yes to a merge."""

    offer_id: UUID
    phone: Literal["mine", "other"] | None = None
    """Which number the account has from then on, if both have one: of the account one is in, or the other's (as without a
    word). The one not chosen still signs in, until the phone is changed."""
    device_name: Name = ""


class CodeSentOut(Out):
    expires_at: datetime


class NewSession(In):
    phone: Phone
    code: Code
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
