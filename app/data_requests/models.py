"""The tables of requests about one's own data. What people wrote is sealed with the key of the person whose data it is; the
history is insert-only."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from app.data_requests.rules import BY_HOUSE, OPEN, Ground, Kind, Status


def _among(column: str, values: "type[Kind] | type[Status] | type[Ground]") -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(str(value)) for value in values)})", name=column)


IS_OPEN = f"status IN ({', '.join(repr(str(one)) for one in OPEN)})"
BY_HOUSE_KINDS = f"kind IN ({', '.join(repr(str(one)) for one in sorted(BY_HOUSE))})"


class DataRequest(Base):
    __tablename__ = "data_request"
    __table_args__ = (
        _among("kind", Kind),
        _among("status", Status),
        _among("ground", Ground),
        CheckConstraint("(extended_at IS NULL) = (due_at = first_due_at)", name="extended"),
        CheckConstraint("attention IN ('near', 'late')", name="attention"),
        CheckConstraint("(status = 'refused') = (ground IS NOT NULL)", name="refused"),
        Index(None, "account_id", "id"),
        Index("data_request_work_idx", "next_due_at", "id", postgresql_where=text(IS_OPEN)),
        Index(
            "data_request_one_idx",
            "account_id",
            "kind",
            unique=True,
            postgresql_where=text(f"{IS_OPEN} AND {BY_HOUSE_KINDS}"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"))
    kind: Mapped[str]
    status: Mapped[str]
    words_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    filed_at: Mapped[datetime]
    answer_due_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    first_due_at: Mapped[datetime]
    due_at: Mapped[datetime]
    """As extended, if it was."""
    next_due_at: Mapped[datetime]
    extended_at: Mapped[datetime | None]
    acts_at: Mapped[datetime | None]
    """When the house carries a deletion out, unless the resident changes their mind."""
    ended_at: Mapped[datetime | None]
    ground: Mapped[str | None]
    attention: Mapped[str | None]
    """What the clock says; `late` stays, whatever happens afterwards."""
    version: Mapped[int] = mapped_column(Integer)


class DataRequestEvent(Base):
    """The history: appended, never edited."""

    __tablename__ = "data_request_event"

    request_id: Mapped[UUID] = mapped_column(ForeignKey("data_request.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    what: Mapped[str]
    """A status, or `extended`, `near`, `late-answer`, `late`."""
    actor_kind: Mapped[str]
    officer_id: Mapped[UUID | None] = mapped_column(ForeignKey("officer.id"))
    note_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)


class DataExport(Base):
    """A copy of somebody's data that waits to be downloaded. The file is sealed with a key of its own, that key with the
    person's."""

    __tablename__ = "data_export"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    request_id: Mapped[UUID] = mapped_column(ForeignKey("data_request.id"), unique=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    key_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
