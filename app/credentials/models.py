"""The tables of credentials."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, LargeBinary, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base


class PhoneCode(Base):
    """An SMS to a phone: a code, or a word to a number that is no longer used.

    The number is sealed for the sender and wiped when it was sent; of the code there is a keyed hash.
    """

    __tablename__ = "phone_code"
    __table_args__ = (CheckConstraint("purpose IN ('sign-in', 'confirm', 'changed')", name="purpose"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    purpose: Mapped[str] = mapped_column(server_default="sign-in")
    """To sign in; to confirm a phone of the account below; to say that the phone is no longer the account's."""
    account_id: Mapped[UUID | None]
    """Who asked, once signed in."""
    phone_index: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    phone_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    code_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    """No longer written; the column goes once no process of before migration 0006 can run."""
    code_index: Mapped[bytes] = mapped_column(LargeBinary)
    tries: Mapped[int] = mapped_column(SmallInteger)
    language: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
