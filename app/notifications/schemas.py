"""What crosses the wire about messages."""

from datetime import datetime
from uuid import UUID

from app.core.wire import Out


class SubjectOut(Out):
    kind: str
    id: UUID


class MessageOut(Out):
    id: UUID
    title: str
    body: str
    subject: SubjectOut | None
    created_at: datetime
    read_at: datetime | None


class UnreadOut(Out):
    unread: int
    """At most 100 are counted."""
