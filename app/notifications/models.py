"""The tables of messages, their templates, and what became of each push."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base


class Template(Base):
    __tablename__ = "template"

    code: Mapped[str] = mapped_column(primary_key=True)
    title_vi: Mapped[str]
    title_en: Mapped[str]
    body_vi: Mapped[str]
    body_en: Mapped[str]
    purpose_code: Mapped[str | None]
    """What the resident must have agreed to; none: the city has to tell it."""


class Message(Base):
    """One thing the city told one resident; the words are made when it is read, in the reader's language."""

    __tablename__ = "message"
    __table_args__ = (
        Index(None, "account_id", "id"),
        Index("message_unread_idx", "account_id", "id", postgresql_where=text("read_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"))
    template_code: Mapped[str] = mapped_column(ForeignKey("template.code"))
    params: Mapped[dict[str, Any]]
    subject_kind: Mapped[str]
    subject_id: Mapped[UUID | None]
    created_at: Mapped[datetime]
    read_at: Mapped[datetime | None]


class Delivery(Base):
    """What became of a message on one phone."""

    __tablename__ = "delivery"
    __table_args__ = (CheckConstraint("outcome IN ('sent', 'gone', 'refused')", name="outcome"),)

    message_id: Mapped[UUID] = mapped_column(ForeignKey("message.id"), primary_key=True)
    device_id: Mapped[UUID] = mapped_column(primary_key=True)
    outcome: Mapped[str]
    vendor_id: Mapped[str]
    at: Mapped[datetime]
