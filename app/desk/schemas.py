"""What crosses the wire at the desk. Numbers are masked but in `NumbersOut` and `SenderOut`."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta

from app.core.wire import In, Out


class Lookup(In):
    """One of the two, whole; nobody is found by a part."""

    phone: Annotated[str, Meta(min_length=8, max_length=20)] | None = None
    personal_number: Annotated[str, Meta(pattern=r"^\d{12}$")] | None = None


class FoundOut(Out):
    id: UUID
    full_name: str
    state: str


class LookupOut(Out):
    account: FoundOut | None
    """None: nobody has this number."""


class ResidentOut(Out):
    id: UUID
    kind: str
    full_name: str
    phone: str | None
    personal_number: str | None
    birth_date: date | None
    level: int
    language: str
    state: str
    state_reason: str
    state_at: datetime | None
    merged_into: UUID | None
    created_at: datetime


class NumbersOut(Out):
    """In clear."""

    phone: str | None
    personal_number: str | None


class SenderOut(Out):
    """Who sent a ticket, to be called back."""

    account_id: UUID
    full_name: str
    phone: str | None


class SignInOut(Out):
    at: datetime
    what: str
    address: str
    facts: dict[str, Any]
    """E.g. method, level and device."""


class StateOut(Out):
    at: datetime
    before: str
    after: str
    reason: str
    by: str
    officer_id: UUID | None


class StateChange(In):
    """`active` lifts a suspension or a block."""

    to: Literal["active", "suspended", "blocked", "reset-required"]
    reason: Annotated[str, Meta(min_length=2, max_length=300, description="Why; it is kept on the trail")]


class EntryOut(Out):
    """One line of the trail."""

    id: UUID
    at: datetime
    actor_kind: str
    actor_id: UUID | None
    on_behalf_of: UUID | None
    unit: str
    account_id: UUID | None
    action: str
    subject_kind: str
    subject_id: str
    reason: str
    address: str
    facts: dict[str, Any]
