"""What must be remembered between the begin and the return of a sign-in at an OpenID provider; used once, ten minutes long."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from msgspec import Meta
from sqlalchemy import Integer, LargeBinary, delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from app.core.oidc import Begun, SignInRefused
from app.core.tokens import hash_secret
from app.core.wire import In, Out

TTL = timedelta(minutes=10)


class BegunOut(Out):
    """Open `url` in the browser; the provider comes back with `code` and this `state`."""

    url: str
    state: str


class Returned(In):
    """What the provider gave the browser on the way back."""

    code: Annotated[str, Meta(min_length=1, max_length=2000)]
    state: Annotated[str, Meta(min_length=1, max_length=200)]
    iss: Annotated[str, Meta(max_length=500)] = ""
    """As the provider sent it along with the code (RFC 9207); checked if it is there."""
    device_name: Annotated[str, Meta(max_length=100)] = ""


class SignIn(Base):
    __tablename__ = "sign_in"

    state_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    provider: Mapped[str]
    """Which one, and what for if it is no sign-in."""
    nonce: Mapped[str]
    verifier: Mapped[str]
    acr: Mapped[str] = mapped_column(server_default="")
    max_age_s: Mapped[int | None] = mapped_column(Integer)
    """What the sign-in asked for: the assurance level, the age of the proof."""
    account_id: Mapped[UUID | None]
    """Who was signed in already and wants to link the identity, if anybody."""
    created_at: Mapped[datetime] = mapped_column(index=True)


def remember(db: AsyncSession, provider: str, begun: Begun, account_id: UUID | None = None) -> None:
    db.add(
        SignIn(
            state_hash=hash_secret(begun.state),
            provider=provider,
            nonce=begun.nonce,
            verifier=begun.verifier,
            acr=begun.acr,
            max_age_s=begun.max_age_s,
            account_id=account_id,
            created_at=datetime.fromtimestamp(begun.at, UTC),
        )
    )


async def recall(db: AsyncSession, provider: str, state: str, account_id: UUID | None = None) -> Begun:
    """Once only. Raises SignInRefused for a state we did not give out, to somebody else, or too long ago."""
    found = await db.scalar(
        delete(SignIn)
        .where(SignIn.state_hash == hash_secret(state), SignIn.provider == provider)
        .where(SignIn.account_id.is_not_distinct_from(account_id))
        .returning(SignIn)
    )
    if found is None or found.created_at < datetime.now(UTC) - TTL:
        raise SignInRefused(reason="state")
    return Begun("", state, found.nonce, found.verifier, found.acr, found.max_age_s, found.created_at.timestamp())


async def forget_old(db: AsyncSession) -> None:
    await db.execute(delete(SignIn).where(SignIn.created_at < datetime.now(UTC) - TTL))
