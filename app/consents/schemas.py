"""What crosses the wire about consents."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from app.consents.rules import Shown, Standing
from app.core.wire import In, Out

Code = Annotated[str, Meta(min_length=1, max_length=50)]


class PurposeOut(Out):
    """One version: read `vi` or `en` to the resident as it is, and name version and language in the consent."""

    code: str
    version: int
    effective_from: datetime
    data_classes: list[str]
    needs_recipient: bool
    lasts_days: int | None
    vi: Shown
    en: Shown


class PurposeHistoryOut(Out):
    """The version in force and those before it, the newest first."""

    current: PurposeOut
    versions: list[PurposeOut]


class NewConsent(In):
    purpose: Code
    version: Annotated[int, Meta(ge=1, le=10_000)]
    """The version that was shown."""
    language: Literal["vi", "en"]
    """In which it was shown."""
    data_classes: Annotated[list[Code], Meta(min_length=1, max_length=20)]
    recipient: Annotated[str, Meta(max_length=100)] = ""
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None


class ConsentOut(Out):
    id: UUID
    purpose: str
    version: int
    language: str
    shown: Shown
    shown_hash: str
    """SHA-256 in hexadecimal of `shown` as compact JSON."""
    data_classes: list[str]
    recipient: str
    granted_at: datetime
    method: str
    expires_at: datetime | None
    standing: Standing
    ended_at: datetime | None
