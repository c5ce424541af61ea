"""What crosses the wire about accounts."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from app.core.wire import In, Out

Phone = Annotated[str, Meta(min_length=8, max_length=20)]
Name = Annotated[str, Meta(max_length=100)]


class AskCode(In):
    phone: Phone
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


class Refresh(In):
    refresh_token: Annotated[str, Meta(min_length=10, max_length=200)]


class AccountOut(Out):
    """Numbers are masked; a masked value is never taken back in."""

    id: UUID
    level: int
    session_level: int
    full_name: str
    phone: str | None
    personal_number: str | None
    birth_date: date | None
    language: str
    created_at: datetime


class Profile(In):
    """What a resident may change; a name proved by the national eID stays as it is."""

    language: Literal["vi", "en"] | UnsetType = UNSET
    full_name: Annotated[str, Meta(min_length=1, max_length=100)] | UnsetType = UNSET


class DeviceKind(StrEnum):
    TOKEN = "token"
    FID = "fid"


class NewDevice(In):
    kind: DeviceKind
    value: Annotated[str, Meta(min_length=10, max_length=1000)]
    platform: Literal["android", "ios", "web"]
    name: Name = ""


class DeviceOut(Out):
    id: UUID
    name: str
    platform: str
    created_at: datetime
