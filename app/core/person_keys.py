"""A key for each person, sealed under the house's: what is sealed with it is gone for ever once the key is (crypto-shredding).

A value sealed with a person's key begins with `p:`; one that does not is sealed with the house's own (from before, or for
nobody).
"""

import base64
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import LargeBinary, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core.crypto import Crypto
from app.core.db import Base

SEAL = "person.key"
MARK = b"p:"


class PersonKey(Base):
    __tablename__ = "person_key"

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]


class Shredded(Exception):
    """The person's key is gone, and with it what was sealed."""


class Person:
    """Seals and opens what belongs to one person. The purpose and the account are authenticated with each value."""

    def __init__(self, crypto: Crypto, account_id: UUID, sealed: bytes | None) -> None:
        self._crypto = crypto
        self._bound = account_id.bytes
        self._cipher = AESGCM(base64.b64decode(crypto.decrypt(SEAL, sealed))) if sealed else None

    def encrypt(self, purpose: str, text: str) -> bytes:
        """Raises Shredded."""
        if self._cipher is None:
            raise Shredded
        nonce = os.urandom(12)
        return MARK + nonce + self._cipher.encrypt(nonce, text.encode(), self._bound + purpose.encode())

    def decrypt(self, purpose: str, blob: bytes) -> str:
        """Raises Shredded, or as `Crypto.decrypt`."""
        if not blob.startswith(MARK):
            return self._crypto.decrypt(purpose, blob)
        if self._cipher is None:
            raise Shredded
        return self._cipher.decrypt(blob[2:14], blob[14:], self._bound + purpose.encode()).decode()


def new_sealed(crypto: Crypto) -> bytes:
    """A new person's key as it is stored."""
    return crypto.encrypt(SEAL, base64.b64encode(os.urandom(32)).decode())


async def make(db: AsyncSession, crypto: Crypto, account_id: UUID) -> Person:
    """The person of a new account, or of one that has none yet; two at once make one key."""
    made = insert(PersonKey).values(account_id=account_id, sealed=new_sealed(crypto), created_at=datetime.now(UTC))
    await db.execute(made.on_conflict_do_nothing())
    return await person(db, crypto, account_id)


async def person(db: AsyncSession, crypto: Crypto, account_id: UUID) -> Person:
    """Who is shredded can still be asked for, and opens nothing."""
    sealed = await db.scalar(select(PersonKey.sealed).where(PersonKey.account_id == account_id))
    return Person(crypto, account_id, sealed)


async def persons(db: AsyncSession, crypto: Crypto, account_ids: Sequence[UUID]) -> dict[UUID, Person]:
    """The same for a list."""
    rows = await db.execute(select(PersonKey.account_id, PersonKey.sealed).where(PersonKey.account_id.in_(account_ids)))
    sealed = {row[0]: row[1] for row in rows}
    return {one: Person(crypto, one, sealed.get(one)) for one in account_ids}


async def shred(db: AsyncSession, account_id: UUID) -> None:
    """What was sealed with it can never be read again."""
    await db.execute(delete(PersonKey).where(PersonKey.account_id == account_id))
