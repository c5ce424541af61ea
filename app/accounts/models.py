"""The tables of accounts. Phone and personal numbers are sealed, found by blind index only."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    UniqueConstraint,
    or_,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.accounts.rules import State
from app.core.db import Base


class Account(Base):
    __tablename__ = "account"
    __table_args__ = (
        CheckConstraint("level BETWEEN 0 AND 2", name="level"),
        Index("account_merged_into_idx", "merged_into", postgresql_where=text("merged_into IS NOT NULL")),
        CheckConstraint("(phone_sealed IS NULL) = (phone_index IS NULL)", name="phone"),
        CheckConstraint("(number_sealed IS NULL) = (number_index IS NULL)", name="number"),
        CheckConstraint(f"state IN ({', '.join(repr(str(state)) for state in State)})", name="state"),
        CheckConstraint("kind IN ('person', 'business')", name="kind"),
        CheckConstraint("language IN ('vi', 'en')", name="language"),
        UniqueConstraint("eid_issuer", "eid_subject"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    phone_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone_index: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    eid_issuer: Mapped[str | None]
    eid_subject: Mapped[str | None]
    number_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    number_index: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    former_number_index: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Of the identity that was taken off: nobody else's comes in its place."""
    full_name: Mapped[str]
    birth_date: Mapped[date | None]
    level: Mapped[int] = mapped_column(SmallInteger)
    """The highest assurance level ever proved; a session has its own."""
    language: Mapped[str]
    kind: Mapped[str] = mapped_column(server_default="person")
    state: Mapped[str] = mapped_column(server_default="active")
    state_reason: Mapped[str] = mapped_column(server_default="")
    state_at: Mapped[datetime | None]
    """Since when it is in this state, if that ever changed."""
    reset_at: Mapped[datetime | None]
    """When it last came into reset-required; passkeys registered before are void for good."""
    closing: Mapped[bool] = mapped_column(server_default="false")
    """Its end was asked for; held for a while, it is closing again when it is let go."""
    merged_into: Mapped[UUID | None] = mapped_column(ForeignKey("account.id"))
    """Another account of the same person, which has taken over everything."""
    eid_refresh_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    """What the national eID gave us to ask again whether the identity is still good."""
    eid_checked_at: Mapped[datetime | None]
    """When it last said that the identity is good."""
    eid_asked_at: Mapped[datetime | None]
    """When it was last asked; until the answer is there nobody else asks."""
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer)


class MergeOffer(Base):
    """A resident proved by the eID that another account is theirs too; it waits for their yes and works once."""

    __tablename__ = "merge_offer"
    __table_args__ = (CheckConstraint("account_id <> survivor_id", name="two"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), unique=True)
    """Whose holder was asked; it would be merged into the other. A newer offer replaces the older."""
    survivor_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"))
    session_id: Mapped[UUID]
    level: Mapped[int] = mapped_column(SmallInteger)
    """Proved at the eID, with the moment of it."""
    proved_at: Mapped[datetime]
    upstream: Mapped[str]
    """The session there."""
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Device(Base):
    """A phone that rings: where pushes of an account go."""

    __tablename__ = "device"
    __table_args__ = (CheckConstraint("kind IN ('token', 'fid')", name="kind"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("session.id"), index=True)
    kind: Mapped[str]
    """What FCM knows the phone by: a registration token, or a Firebase installation id."""
    value: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    platform: Mapped[str]
    created_at: Mapped[datetime]


def of_person(account_id: UUID) -> ColumnElement[bool]:
    """The account and those that were merged into it."""
    return or_(Account.id == account_id, Account.merged_into == account_id)
