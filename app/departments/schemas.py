"""What crosses the wire about areas, units and officers."""

from datetime import date
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from app.core.wire import In, Out


class AreaOut(Out):
    code: str
    name: str
    full_name: str
    name_en: str
    kind: str


class AreaNearOut(Out):
    area: AreaOut
    distance_m: int


class OldNameOut(Out):
    """An area before 2025-07-01; if it was split, ask the resident which of the new ones is meant."""

    full_name: str
    district: str
    is_split: bool
    areas: list[AreaOut]
    """The default first."""


class AreaSearchOut(Out):
    areas: list[AreaOut]
    old_names: list[OldNameOut]


class DepartmentOut(Out):
    code: str
    name_vi: str
    name_en: str
    short_name: str
    kind: str
    parent_code: str | None
    area_code: str | None
    hotline: str


class SpecialDayOut(Out):
    day: date
    working: bool
    name: str


class BegunOut(Out):
    """Open `url` in the browser; the provider comes back with `code` and this `state`."""

    url: str
    state: str


class Returned(In):
    """What the provider gave the browser on the way back."""

    code: Annotated[str, Meta(min_length=1, max_length=2000)]
    state: Annotated[str, Meta(min_length=1, max_length=200)]
    device_name: Annotated[str, Meta(max_length=100)] = ""


class Refresh(In):
    refresh_token: Annotated[str, Meta(min_length=10, max_length=200)]


class OfficerRoleOut(Out):
    code: str
    name_vi: str
    name_en: str
    department_code: str


class OfficerOut(Out):
    id: UUID
    full_name: str
    roles: list[OfficerRoleOut]
    acts: list[str]
