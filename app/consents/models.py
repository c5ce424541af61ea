"""The tables of consents. Versions, consents and their endings are insert-only."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, LargeBinary, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from app.consents.rules import Ending
from app.core.db import Base


class Purpose(Base):
    __tablename__ = "purpose"

    code: Mapped[str] = mapped_column(primary_key=True)
    needs_recipient: Mapped[bool]
    """Whether each consent names who receives the data; else it is the city alone."""


class PurposeVersion(Base):
    """What a resident is shown. A text is never edited: what changes is a new version."""

    __tablename__ = "purpose_version"
    __table_args__ = (
        CheckConstraint("version > 0", name="version"),
        CheckConstraint("lasts_days > 0", name="lasts"),
        CheckConstraint("jsonb_array_length(data_classes) > 0", name="data"),
    )

    purpose_code: Mapped[str] = mapped_column(ForeignKey("purpose.code"), primary_key=True)
    version: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    effective_from: Mapped[datetime]
    widens: Mapped[bool]
    """It asks for more than the version before: consents to earlier ones are worth nothing from then on."""
    data_classes: Mapped[list[str]]
    lasts_days: Mapped[int | None]
    """How long a consent lasts at most; none: until it is withdrawn."""
    title_vi: Mapped[str]
    title_en: Mapped[str]
    data_vi: Mapped[str]
    data_en: Mapped[str]
    why_vi: Mapped[str]
    why_en: Mapped[str]
    how_long_vi: Mapped[str]
    how_long_en: Mapped[str]
    recipients_vi: Mapped[str]
    recipients_en: Mapped[str]


class Consent(Base):
    """One yes, with the evidence of it."""

    __tablename__ = "consent"
    __table_args__ = (
        ForeignKeyConstraint(["purpose_code", "version"], ["purpose_version.purpose_code", "purpose_version.version"]),
        CheckConstraint("language IN ('vi', 'en')", name="language"),
        CheckConstraint("jsonb_array_length(data_classes) > 0", name="data"),
        CheckConstraint("expires_at > granted_at", name="expiry"),
        Index(None, "account_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"))
    purpose_code: Mapped[str]
    version: Mapped[int] = mapped_column(SmallInteger)
    language: Mapped[str]
    shown_hash: Mapped[bytes] = mapped_column(LargeBinary)
    """Of the text of that version in that language, as it was then."""
    data_classes: Mapped[list[str]]
    recipient: Mapped[str]
    """Who receives the data; empty: the city alone."""
    granted_at: Mapped[datetime]
    session_id: Mapped[UUID]
    method: Mapped[str]
    """How the resident had signed in: values of `amr`. The address is on the trail."""
    expires_at: Mapped[datetime | None]


class ConsentEnding(Base):
    """The end of a consent, at most one."""

    __tablename__ = "consent_ending"
    __table_args__ = (CheckConstraint(f"why IN ({', '.join(repr(str(one)) for one in Ending)})", name="why"),)

    consent_id: Mapped[UUID] = mapped_column(ForeignKey("consent.id"), primary_key=True)
    at: Mapped[datetime]
    why: Mapped[str]
    session_id: Mapped[UUID | None]
