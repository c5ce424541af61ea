"""The tables of tickets. Events and photos of a ticket are insert-only."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, LargeBinary, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from app.tickets import workflow

OPEN_STATES = ", ".join(f"'{state}'" for state in workflow.OPEN)


def one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(str(value)) for value in values)})", name=column)


class Category(Base):
    __tablename__ = "category"
    __table_args__ = (one_of("kind", workflow.Kind), one_of("severity", workflow.Severity))

    code: Mapped[str] = mapped_column(primary_key=True)
    parent_code: Mapped[str | None] = mapped_column(ForeignKey("category.code"))
    name_vi: Mapped[str]
    name_en: Mapped[str]
    kind: Mapped[str]
    unit: Mapped[str]
    severity: Mapped[str]
    keywords: Mapped[str]
    source: Mapped[str]
    confidence: Mapped[str]


class DeadlineRule(Base):
    __tablename__ = "deadline_rule"
    __table_args__ = (
        CheckConstraint("unit IN ('working_hours', 'working_days', 'calendar_days')", name="unit"),
        CheckConstraint("amount > 0", name="amount"),
    )

    code: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    severity: Mapped[str]
    stage: Mapped[str]
    amount: Mapped[int] = mapped_column(SmallInteger)
    unit: Mapped[str]
    source: Mapped[str]
    confidence: Mapped[str]
    note: Mapped[str]


class RejectReason(Base):
    __tablename__ = "reject_reason"

    code: Mapped[str] = mapped_column(primary_key=True)
    name_vi: Mapped[str]
    name_en: Mapped[str]
    source: Mapped[str]


class Ticket(Base):
    __tablename__ = "ticket"
    __table_args__ = (
        one_of("kind", workflow.Kind),
        one_of("severity", workflow.Severity),
        one_of("status", workflow.Status),
        CheckConstraint("(lat IS NULL) = (lon IS NULL)", name="place"),
        CheckConstraint("(rating IS NULL) = (rated_at IS NULL)", name="rating"),
        CheckConstraint("attention IN ('near', 'overdue')", name="attention"),
        CheckConstraint("status <> 'rejected' OR reject_code IS NOT NULL", name="reject"),
        Index(
            "ticket_inbox_idx", "department_code", "due_at", "id", postgresql_where=text(f"status IN ({OPEN_STATES})")
        ),
        Index("ticket_area_idx", "area_code", "due_at", "id", postgresql_where=text(f"status IN ({OPEN_STATES})")),
        Index("ticket_open_idx", "due_at", "id", postgresql_where=text(f"status IN ({OPEN_STATES})")),
        Index(None, "department_code", "id"),
        Index(None, "citizen_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"))
    kind: Mapped[str]
    category_code: Mapped[str] = mapped_column(ForeignKey("category.code"))
    severity: Mapped[str]
    status: Mapped[str]
    description: Mapped[str]
    address: Mapped[str]
    lat: Mapped[float | None]
    lon: Mapped[float | None]
    area_code: Mapped[str | None] = mapped_column(ForeignKey("area.code"))
    area_approximate: Mapped[bool]
    department_code: Mapped[str] = mapped_column(ForeignKey("department.code"))
    routed_by: Mapped[str]
    """Why this unit: the rule in words a program can read, e.g. `category:GT-OGM unit:SO-XD`."""
    deadline_rule_code: Mapped[str] = mapped_column(ForeignKey("deadline_rule.code"))
    """The rule the current `due_at` comes from."""
    filed_at: Mapped[datetime]
    clock_from: Mapped[datetime]
    due_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    answer: Mapped[str | None]
    reject_code: Mapped[str | None] = mapped_column(ForeignKey("reject_reason.code"))
    attention: Mapped[str | None]
    rating: Mapped[str | None]
    rating_comment: Mapped[str | None]
    rated_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(Integer)


class TicketEvent(Base):
    """The history: appended, never edited."""

    __tablename__ = "ticket_event"

    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("ticket.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    what: Mapped[str]
    """A status, or `near`, `overdue`: what the clock says."""
    actor_kind: Mapped[str]
    officer_id: Mapped[UUID | None] = mapped_column(ForeignKey("officer.id"))
    delegate_id: Mapped[UUID | None]
    """The account of the person who did it in the citizen's name."""
    note: Mapped[str]


class Photo(Base):
    """A picture as it was received: re-encoded, without EXIF; what its EXIF said is kept apart."""

    __tablename__ = "photo"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(index=True)
    sha256: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    width: Mapped[int]
    height: Mapped[int]
    size: Mapped[int]
    taken_at: Mapped[datetime | None]
    taken_lat: Mapped[float | None]
    taken_lon: Mapped[float | None]
    created_at: Mapped[datetime]


class TicketPhoto(Base):
    """A photo belongs to one ticket, once: as filed, or as proof of the fix."""

    __tablename__ = "ticket_photo"
    __table_args__ = (CheckConstraint("role IN ('filed', 'proof')", name="role"),)

    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("ticket.id"), primary_key=True)
    photo_id: Mapped[UUID] = mapped_column(ForeignKey("photo.id"), primary_key=True, unique=True)
    role: Mapped[str]
