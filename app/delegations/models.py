"""The tables of delegations. What happens to one is appended to its history; businesses are what their registry says."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from app.delegations import rules

OPEN = "state IN ('pending', 'active')"


def one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(str(value)) for value in values)})", name=column)


class Delegation(Base):
    """One person may act for one account, within scopes, for a time."""

    __tablename__ = "delegation"
    __table_args__ = (
        one_of("kind", rules.Kind),
        one_of("role", rules.Role),
        one_of("state", rules.State),
        CheckConstraint("level BETWEEN 0 AND 2", name="level"),
        CheckConstraint("delegate_id <> account_id", name="oneself"),
        CheckConstraint("ends_at > begins_at", name="ends"),
        CheckConstraint("jsonb_array_length(scopes) > 0", name="scopes"),
        CheckConstraint("delegate_id IS NOT NULL OR invited_index IS NOT NULL", name="delegate"),
        CheckConstraint("state <> 'active' OR (delegate_id IS NOT NULL AND begins_at IS NOT NULL)", name="active"),
        CheckConstraint(f"(ended_at IS NULL) = ({OPEN})", name="ended"),
        Index(
            "delegation_active_idx",
            "delegate_id",
            "account_id",
            "kind",
            unique=True,
            postgresql_where=text("state = 'active'"),
        ),
        Index(
            "delegation_pending_idx",
            "invited_index",
            "account_id",
            "kind",
            unique=True,
            postgresql_where=text("state = 'pending'"),
        ),
        Index("delegation_over_idx", "ends_at", postgresql_where=text("state = 'active'")),
        Index("delegation_lapsed_idx", "invited_until", postgresql_where=text("state = 'pending'")),
        Index("delegation_recheck_idx", "recheck_at", postgresql_where=text("state = 'active'")),
        Index(None, "account_id", "id"),
        Index(None, "delegate_id", "id"),
        Index(None, "granted_by", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    role: Mapped[str]
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"))
    """In whose name."""
    delegate_id: Mapped[UUID | None] = mapped_column(ForeignKey("account.id"))
    """Who acts; nobody yet while it is pending."""
    granted_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.id"))
    """Who granted it; nobody if a registry proved it."""
    scopes: Mapped[list[str]]
    level: Mapped[int] = mapped_column(SmallInteger)
    """The assurance level of the proof or of the grant: nobody acts at a higher one."""
    state: Mapped[str]
    invited_index: Mapped[bytes | None] = mapped_column(LargeBinary)
    invited_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The phone that was named, sealed with the key of `account_id`."""
    begins_at: Mapped[datetime | None]
    ends_at: Mapped[datetime]
    """While it is pending too, if nobody accepts: then `invited_until` comes first."""
    invited_until: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str] = mapped_column(server_default="")
    source: Mapped[str]
    source_version: Mapped[str] = mapped_column(server_default="")
    as_of: Mapped[datetime]
    """When the source said so."""
    recheck_at: Mapped[datetime | None]
    """When its registry is to be asked again."""
    created_at: Mapped[datetime]


class DelegationEvent(Base):
    """The history: appended, never edited."""

    __tablename__ = "delegation_event"

    delegation_id: Mapped[UUID] = mapped_column(ForeignKey("delegation.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    what: Mapped[str]
    """The state it came into, or `confirmed`: a registry said again that it is so."""
    by_id: Mapped[UUID | None]
    """Who did it; nobody if the clock or a registry did."""
    facts: Mapped[dict[str, Any]]


class Business(Base):
    """What the business registry says of an account of the kind `business`."""

    __tablename__ = "business"
    __table_args__ = (CheckConstraint("status IN ('active', 'closed')", name="status"),)

    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), primary_key=True)
    code_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    """The tax code, sealed with the account's key: a household business's is a personal number."""
    code_index: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    name: Mapped[str]
    status: Mapped[str]
    source: Mapped[str]
    source_version: Mapped[str]
    as_of: Mapped[datetime]
