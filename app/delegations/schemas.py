"""What crosses the wire about delegations."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from app.core.wire import In, Out
from app.delegations.rules import Kind, Role, Scope, State

Scopes = Annotated[list[Scope], Meta(min_length=1, max_length=len(Scope))]
Phone = Annotated[str, Meta(min_length=8, max_length=20)]


class NewGuardianship(In):
    """The child, as on the birth certificate."""

    personal_number: Annotated[str, Meta(pattern=r"^[0-9]{12}$")]
    birth_date: date


class NewBusiness(In):
    tax_code: Annotated[str, Meta(min_length=10, max_length=20)]


class NewCarer(In):
    """Who shall act for me, named by their phone; `ends_on` is the last day."""

    phone: Phone
    scopes: Scopes
    ends_on: date


class NewAppointment(NewCarer):
    """The same, for a business that I represent by law."""

    business_id: UUID


class OtherOut(Out):
    """The other one, as far as one may know them: masked until it is accepted."""

    account_id: UUID | None
    """What `X-On-Behalf-Of` names, to the one who acts."""
    name: str
    phone: str | None = None
    """The phone that was named, masked, to the one who named it."""
    tax_code: str | None = None


class DelegationOut(Out):
    id: UUID
    kind: Kind
    role: Role
    side: Annotated[str, Meta(description="given: they act for me; held: I act for them; appointed: I let them act")]
    state: State
    scopes: list[Scope]
    other: OtherOut
    represented: OtherOut | None
    """Of an appointment, for which business."""
    created_at: datetime
    begins_at: datetime | None
    ends_at: datetime
    invited_until: datetime | None
    ended_at: datetime | None
    end_reason: str
    """Empty, over, of-age, or role-lost."""
    as_of: datetime
    """When the registry said so, or when it was granted."""


class ActOut(Out):
    """One thing done in another's name."""

    id: UUID
    at: datetime
    action: str
    subject_kind: str
    subject_id: str
