"""What crosses the wire about areas, units and officers."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from app.core.wire import In, Out

Moment = Annotated[datetime, Meta(tz=True)]


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


class Refresh(In):
    refresh_token: Annotated[str, Meta(min_length=10, max_length=200)]


class NamedOut(Out):
    code: str
    name_vi: str
    name_en: str


class RoleOut(NamedOut):
    acts: list[str]


class GrantOut(Out):
    """A role held in one unit, in one area, or in the whole city."""

    id: UUID
    role: NamedOut
    department: NamedOut | None
    area: NamedOut | None
    whole_city: bool
    acts: list[str]
    """What it allows there; acts on accounts and on the trail only in the whole city."""
    starts_at: datetime
    until: datetime | None
    granted_at: datetime
    granted_by: UUID | None
    reason: str
    ended_at: datetime | None
    ended_by: UUID | None
    end_reason: str | None


class OfficerMeOut(Out):
    id: UUID
    full_name: str
    unit: NamedOut | None
    grants: list[GrantOut]
    acts: list[str]
    """What I may do somewhere; a grant says where."""


class OfficerOut(Out):
    id: UUID
    subject: str
    full_name: str
    department_code: str | None
    active: bool
    created_at: datetime


class OfficerFileOut(OfficerOut):
    """An officer with every role they ever held, the newest first."""

    grants: list[GrantOut]


Why = Annotated[str, Meta(min_length=2, max_length=300, description="Why; it is kept on the trail")]
Code = Annotated[str, Meta(min_length=1, max_length=20)]


class NewOfficer(In):
    """A member of staff, by their subject (`sub`) at the city's identity provider."""

    subject: Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^\S+$")]
    full_name: Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\S")]
    department_code: Code
    reason: Why


class NewGrant(In):
    """Name a unit, or an area, or neither: then it is for the whole city."""

    role_code: Code
    reason: Why
    department_code: Code | None = None
    area_code: Annotated[str, Meta(pattern=r"^\d{5}$")] | None = None
    starts_at: Moment | None = None
    until: Moment | None = None


class Because(In):
    reason: Why
