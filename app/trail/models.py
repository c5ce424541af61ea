"""The tables of the sealed trail. Days and leaves are insert-only."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Integer, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base


class TrailDay(Base):
    """One day of the trail (UTC), over and sealed."""

    __tablename__ = "trail_day"
    __table_args__ = (CheckConstraint("(first IS NULL) = (count = 0) AND (last IS NULL) = (count = 0)", name="ends"),)

    day: Mapped[date] = mapped_column(primary_key=True)
    first: Mapped[UUID | None]
    last: Mapped[UUID | None]
    """The entries at both ends."""
    count: Mapped[int] = mapped_column(Integer)
    root: Mapped[bytes] = mapped_column(LargeBinary)
    previous: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of the record of the day before: the chain."""
    kid: Mapped[str]
    jws: Mapped[str]
    """The record: all of the above, signed (RFC 7515, ES256)."""
    blocks: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    """The roots of the day's blocks of leaves, one after the other, so that a proof reads one block."""
    sealed_at: Mapped[datetime]


class TrailLeaf(Base):
    """The place of an entry in its day's tree."""

    __tablename__ = "trail_leaf"

    day: Mapped[date] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    entry_id: Mapped[UUID] = mapped_column(unique=True)
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    """Random, so that nobody guesses an entry from its hash, which proofs of others show."""
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class TrailPending(Base):
    """An entry not sealed yet. A trigger writes it with the entry (migration 0013), whoever writes that and by whatever way."""

    __tablename__ = "trail_pending"

    entry_id: Mapped[UUID] = mapped_column(primary_key=True)


class TrailWord(Base):
    """What a resident reads for an action or a subject of the trail."""

    __tablename__ = "trail_word"
    __table_args__ = (CheckConstraint("kind IN ('action', 'subject')", name="kind"),)

    kind: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    text_vi: Mapped[str]
    text_en: Mapped[str]
