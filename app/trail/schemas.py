"""What crosses the wire about the trail."""

from datetime import date, datetime
from uuid import UUID

from app.core.wire import Out
from app.trail.rules import By


class UnitOut(Out):
    code: str
    name: str


class SubjectOut(Out):
    """What was looked at or changed."""

    kind: str
    id: str
    words: str


class AccessOut(Out):
    """Somebody read or changed the resident's data."""

    id: UUID
    at: datetime
    by: By
    units: list[UnitOut]
    roles: list[str]
    """What the officer is in their unit today."""
    officer_code: str | None
    """Names the officer to the city, e.g. in a complaint; the officer's name is not shown."""
    actor_id: UUID | None
    """Of a delegate, their account; of a partner, its id."""
    action: str
    words: str
    subject: SubjectOut
    reason: str
    sealed: bool
    """Whether there is a proof to download."""


class DayOut(Out):
    """A sealed day. `jws` is the record that counts; the rest shows what it says."""

    day: date
    count: int
    root: str
    previous: str
    kid: str
    jws: str
    sealed_at: datetime


class ProofOut(Out):
    """All that is needed, beside the public keys, to check that an entry is in the trail: see `docs/trail.md`."""

    format: str
    entry: str
    """The entry as it was hashed, JSON in a string."""
    salt: str
    index: int
    size: int
    path: list[str]
    root: str
    day: date
    kid: str
    jws: str
