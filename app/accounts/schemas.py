"""What crosses the wire about accounts."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from app.core.wire import In, Out

Name = Annotated[str, Meta(max_length=100)]


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
    state: str
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
    last_used_at: datetime
    """When its session last got an access token."""
    current: bool
    """Whether it is the phone that asks."""


class SignInOut(Out):
    """One sign-in, or one proof anew within a session."""

    id: UUID
    at: datetime
    kind: Literal["signed-in", "proved-again"]
    method: str
    level: int
    device_name: str
    address: str
    session_id: UUID
