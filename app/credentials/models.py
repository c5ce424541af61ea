"""The tables of credentials."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, LargeBinary, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from app.credentials.rules import Ceremony, Purpose


class PhoneCode(Base):
    """An SMS to a phone: a code, or a word to a number that is no longer used.

    The number is sealed for the sender and wiped when it was sent; of the code there is a keyed hash.
    """

    __tablename__ = "phone_code"
    __table_args__ = (CheckConstraint(f"purpose IN ({', '.join(repr(str(one)) for one in Purpose)})", name="purpose"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    purpose: Mapped[str] = mapped_column(server_default="sign-in")
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


class Passkey(Base):
    """A credential record (WebAuthn L3 §4): the public half of a key that an authenticator of the resident holds."""

    __tablename__ = "passkey"
    __table_args__ = (
        CheckConstraint("level BETWEEN 0 AND 2", name="level"),
        CheckConstraint("sign_count >= 0", name="sign_count"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    credential_id: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    """As COSE writes it (RFC 9052)."""
    user_handle: Mapped[bytes] = mapped_column(LargeBinary)
    """What the authenticator knows the account by; it tells nobody else anything (WebAuthn L3 §14.6.1)."""
    sign_count: Mapped[int] = mapped_column(BigInteger)
    """The highest seen; zero for those that do not count, as synced ones do not."""
    level: Mapped[int] = mapped_column(SmallInteger)
    """The assurance level of the session it was registered in: the highest it can ever prove."""
    name: Mapped[str]
    transports: Mapped[list[str]]
    synced: Mapped[bool]
    """Whether it may be on several devices (backup eligible); that never changes."""
    backed_up: Mapped[bool]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    """When it seemed to have been copied; it is refused since then."""


class PasskeyChallenge(Base):
    """What an authenticator was asked to sign: used once, within five minutes, by whom it was made for."""

    __tablename__ = "passkey_challenge"
    __table_args__ = (
        CheckConstraint(f"ceremony IN ({', '.join(repr(str(one)) for one in Ceremony)})", name="ceremony"),
        CheckConstraint("(account_id IS NULL) = (session_id IS NULL)", name="session"),
        CheckConstraint("(account_id IS NULL) = (ceremony = 'sign-in')", name="account"),
    )

    challenge_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    ceremony: Mapped[str]
    account_id: Mapped[UUID | None]
    session_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(index=True)
