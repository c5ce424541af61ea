"""What crosses the wire about requests about one's own data."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from app.core.wire import In, Out
from app.data_requests.rules import EXTENSION_DAYS_MAX, Ground, Kind, Status

Words = Annotated[str, Meta(max_length=2000)]
Said = Annotated[str, Meta(min_length=5, max_length=2000)]


class NewDataRequest(In):
    kind: Kind
    words: Words = ""
    """Which data, and what to do with it; not needed to export or delete everything."""


class Acknowledgement(In):
    text: Said


class Extension(In):
    days: Annotated[int, Meta(ge=1, le=EXTENSION_DAYS_MAX)]
    reason: Annotated[str, Meta(min_length=5, max_length=500)]
    """Told to the resident."""


class Completion(In):
    text: Said
    """What was done."""


class Refusal(In):
    ground: Ground
    text: Said


class DataRequestEventOut(Out):
    at: datetime
    what: str
    by: str
    note: str


class DataRequestOut(Out):
    id: UUID
    kind: Kind
    status: Status
    words: str
    filed_at: datetime
    answer_due_at: datetime
    """The first answer is due then: two working days."""
    answered_at: datetime | None
    due_at: datetime
    """All is done by then."""
    extended: bool
    acts_at: datetime | None
    """Of a deletion: when it is carried out; until then it can be cancelled."""
    ended_at: datetime | None
    ground: Ground | None
    late: bool
    export_until: datetime | None
    """Until when the export can be downloaded."""
    history: list[DataRequestEventOut]


class DataRequestLineOut(Out):
    """One line of a list: nothing of what was written."""

    id: UUID
    kind: Kind
    status: Status
    filed_at: datetime
    answer_due_at: datetime
    due_at: datetime
    next_due_at: datetime
    """Of what has to happen next."""
    extended: bool
    near: bool
    overdue: bool
    late: bool
    """A clock has run out at some time."""
    ended_at: datetime | None


class OfficerDataRequestOut(Out):
    """What the officer in charge sees of one request."""

    request: DataRequestOut
    account_id: UUID
    full_name: str
    level: int
