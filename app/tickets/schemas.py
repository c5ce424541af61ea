"""What crosses the wire about tickets."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from app.core.wire import In, Out
from app.tickets.workflow import Attention, Kind, Rating, Severity, Status

Words = Annotated[str, Meta(min_length=10, max_length=4000, pattern=r"\S")]
Note = Annotated[str, Meta(max_length=2000)]
PhotoIds = Annotated[list[UUID], Meta(max_length=10)]


class NewPlace(In):
    """Where: a point (WGS84) and, if the resident confirmed one of the candidates, the ward."""

    lat: Annotated[float, Meta(ge=-90, le=90)]
    lon: Annotated[float, Meta(ge=-180, le=180)]
    area_code: Annotated[str, Meta(pattern=r"^\d{5}$")] | None = None


class NewTicket(In):
    category_code: Annotated[str, Meta(min_length=1, max_length=20)]
    description: Words
    place: NewPlace | None = None
    address: Annotated[str, Meta(max_length=300)] = ""
    photo_ids: PhotoIds = []
    id: UUID | None = None
    """Made by the phone if it filed without a network; it is filed once."""


class Move(In):
    """A ticket's next status, said by an officer of its unit."""

    to: Annotated[Status, Meta(description="accepted, in_progress or rejected")]
    note: Note = ""
    reject_code: Annotated[str, Meta(max_length=10)] | None = None


class Answer(In):
    text: Words
    photo_ids: PhotoIds = []


class NewRating(In):
    rating: Rating
    comment: Note = ""


class Named(Out):
    code: str
    name: str


class PlaceOut(Out):
    lat: float
    lon: float
    area: Named | None
    approximate: bool
    """The ward was guessed from the nearest known point; ask the resident to confirm."""


class TicketOut(Out):
    id: UUID
    code: str
    kind: Kind
    category: Named
    severity: Severity
    status: Status
    description: str
    address: str
    place: PlaceOut | None
    unit: Named
    routed_by: str
    """Why this unit: the rule, e.g. `category:GT-OGM unit:SO-XD` or `category:MT-RAC area:00004 unit:committee`."""
    filed_at: datetime
    due_at: datetime
    attention: Attention | None
    answer: str | None
    answered_at: datetime | None
    reject_code: str | None
    rating: Rating | None
    photo_ids: list[UUID]
    proof_ids: list[UUID]
    version: int


class EventOut(Out):
    at: datetime
    what: str
    by: Annotated[str, Meta(description="citizen; delegate: somebody in the citizen's name; officer; clock")]
    delegate: str | None
    """The delegate's name, to the citizen and to the delegate."""
    note: str


class DeadlineOut(Out):
    """When and why: the rule, the calendar's facts, and a sentence to show."""

    due_at: datetime
    rule: str
    counts_from: datetime
    explained_vi: str
    explained_en: str


class CategoryOut(Out):
    code: str
    parent_code: str | None
    kind: Kind
    name_vi: str
    name_en: str
    needs_place: bool


class ReasonOut(Out):
    code: str
    name_vi: str
    name_en: str


class PhotoOut(Out):
    id: UUID
    width: int
    height: int
    size: int
