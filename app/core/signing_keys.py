"""The house's signing keys, in PostgreSQL and sealed, so that all processes share them and one command renews them.

Two are always live: the current one signs, the next one is published already, so that whoever keeps our public keys knows it
before it signs. `rotate` makes the next current at once; the old one verifies until its last token is over.
"""

import json
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc.jwk import ECKey
from sqlalchemy import CheckConstraint, Index, LargeBinary, delete, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core.crypto import Crypto
from app.core.db import Base
from app.core.tokens import SigningKey

ACCESS, TRAIL = "access", "trail"
"""What keys are for: access tokens; the roots of the trail's days."""
SEAL = "signing.key"
LOCK = 7_265_734
MARGIN = timedelta(minutes=5)
"""How much longer than its last token a key is kept: for clocks that differ."""


class TooSoon(Exception):
    """Not every process knows the next key yet; `args[0]` is how long to wait."""


class SigningKeyRow(Base):
    __tablename__ = "signing_key"
    __table_args__ = (
        CheckConstraint("state IN ('next', 'current', 'old')", name="state"),
        CheckConstraint("purpose IN ('access', 'trail')", name="purpose"),
        CheckConstraint("(state = 'old') = (retired_at IS NOT NULL)", name="retired"),
        CheckConstraint("purpose <> 'trail' OR verifies_until IS NULL", name="kept"),
        Index(
            "signing_key_live_idx",
            "purpose",
            "state",
            unique=True,
            postgresql_where=text("state IN ('next', 'current')"),
        ),
    )

    kid: Mapped[str] = mapped_column(primary_key=True)
    purpose: Mapped[str]
    state: Mapped[str]
    private_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Wiped when the key is old: it never signs again."""
    public: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]
    verifies_until: Mapped[datetime | None]
    """None: for ever."""


async def ensure(db: AsyncSession, crypto: Crypto) -> None:
    """Make the keys that a new city lacks; two processes at once make them once."""
    await db.execute(select(func.pg_advisory_xact_lock(LOCK)))
    there = {(row.purpose, row.state) for row in await db.scalars(select(SigningKeyRow))}
    missing = [(p, s) for p in (ACCESS, TRAIL) for s in ("current", "next") if (p, s) not in there]
    db.add_all(_new(crypto, purpose, state) for purpose, state in missing)


async def read(db: AsyncSession, crypto: Crypto, purpose: str) -> Sequence[SigningKey]:
    """The live keys of a purpose, the one that signs first."""
    live = or_(SigningKeyRow.verifies_until.is_(None), SigningKeyRow.verifies_until > func.now())
    rows = await db.scalars(select(SigningKeyRow).where(SigningKeyRow.purpose == purpose, live))
    order = {"current": 0, "next": 1, "old": 2}
    return [_opened(row, crypto) for row in sorted(rows, key=lambda row: (order[row.state], row.kid))]


async def rotate(db: AsyncSession, crypto: Crypto, purpose: str, ttl: timedelta | None, known_after: timedelta) -> str:
    """The next key signs from now on; the old one verifies for `ttl` (None: for ever).
    Zero, after a theft: neither it nor an older one verifies anything from now on.

    Raises TooSoon before the next key is `known_after` old: a process that has not read it yet would refuse what it signs.
    Returns the new signer's kid.
    """
    await db.execute(select(func.pg_advisory_xact_lock(LOCK)))
    now = datetime.now(UTC)
    until = None if ttl is None else now + ttl + MARGIN if ttl else now
    mine = SigningKeyRow.purpose == purpose
    made = await db.scalar(select(SigningKeyRow.created_at).where(mine, SigningKeyRow.state == "next"))
    if made is not None and made + known_after > now:
        raise TooSoon(made + known_after - now)
    await db.execute(
        update(SigningKeyRow)
        .where(mine, SigningKeyRow.state == "current")
        .values(state="old", retired_at=now, verifies_until=until, private_sealed=None)
    )
    if until == now:
        await db.execute(update(SigningKeyRow).where(mine, SigningKeyRow.state == "old").values(verifies_until=until))
    promoted = update(SigningKeyRow).where(mine, SigningKeyRow.state == "next").values(state="current")
    kid = (await db.scalars(promoted.returning(SigningKeyRow.kid))).one()
    db.add(_new(crypto, purpose, "next"))
    return kid


async def every(db: AsyncSession) -> Sequence[SigningKeyRow]:
    """All that are still kept, the newest first."""
    return (await db.scalars(select(SigningKeyRow).order_by(SigningKeyRow.created_at.desc()))).all()


async def public(db: AsyncSession, purpose: str) -> Sequence[dict[str, Any]]:
    """The public keys of a purpose that are still kept, as JWKs, the newest first."""
    return [row.public for row in await every(db) if row.purpose == purpose]


async def forget_old(db: AsyncSession) -> None:
    """Those of the trail are kept for ever: the days they signed stay verifiable (a constraint says so, too)."""
    await db.execute(delete(SigningKeyRow).where(SigningKeyRow.verifies_until < datetime.now(UTC)))


def _new(crypto: Crypto, purpose: str, state: str) -> SigningKeyRow:
    kid = secrets.token_hex(4)
    key = ECKey.generate_key("P-256", parameters={"kid": kid, "use": "sig", "alg": "ES256"})
    return SigningKeyRow(
        kid=kid,
        purpose=purpose,
        state=state,
        private_sealed=crypto.encrypt(SEAL, json.dumps(key.as_dict(private=True))),
        public=key.as_dict(private=False),
        created_at=datetime.now(UTC),
    )


def _opened(row: SigningKeyRow, crypto: Crypto) -> SigningKey:
    sealed = row.private_sealed if row.state == "current" else None
    jwk = json.loads(crypto.decrypt(SEAL, sealed)) if sealed else row.public
    return SigningKey(row.kid, ECKey.import_key(jwk), signs=sealed is not None)
