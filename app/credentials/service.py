"""Where every sign-in of a resident ends, however they proved who they are; and the proof anew within a session (RFC 9470)."""

import time
from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID

from msgspec import structs
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import service as accounts
from app.accounts import states
from app.accounts.models import Account
from app.accounts.rules import Method
from app.core import pages, sessions
from app.core.db import facts_of
from app.core.house import House
from app.core.principals import Citizen
from app.core.sessions import AccessOut, TokensOut
from app.credentials.models import Passkey


async def open_session(
    db: AsyncSession,
    house: House,
    account: Account,
    method: Method,
    level: int,
    device_name: str,
    *,
    proved_at: float | None = None,
    upstream: str | None = None,
) -> TokensOut:
    """A session for a locked account whose holder has proved who they are, just now if nobody says when. Raises AccountShut.

    Who comes to an account that was merged comes to the one that stayed. `upstream` is the session at the provider, if one
    vouches for it.
    """
    if account.merged_into is not None:
        account = await db.get_one(Account, account.merged_into, with_for_update=True)
    await states.admit(db, account, method)
    facts = {"level": level, "auth_time": time.time() if proved_at is None else proved_at, "amr": [method]}
    opened = sessions.open_session(db, house, "citizen", account.id, facts, device_name)
    opened.session.upstream = upstream
    await db.flush()
    principal = await accounts.principal_of(db, opened.session)
    if await sessions.is_new_device(db, opened.session):
        accounts.note(db, principal, "new-device", "session", opened.session.id, account_id=account.id, method=method)
    accounts.note(
        db, principal, "signed-in", "session", opened.session.id, account_id=account.id, method=method, level=level
    )
    return sessions.tokens_of(house, principal, opened)


async def prove(
    db: AsyncSession,
    house: House,
    citizen: Citizen,
    method: Method,
    level: int,
    *,
    proved_at: float | None = None,
    upstream: str | None = None,
) -> AccessOut:
    """The holder of this session has proved again who they are: a token that says so. Raises RefreshRefused.

    A proof of less than the session holds changes neither its level nor the age of that proof: its token is of that less alone.
    """
    session = await sessions.alive(db, citizen.session_id)
    at = time.time() if proved_at is None else proved_at
    if level >= session.facts["level"]:
        facts = {"level": level, "auth_time": at, "amr": [method]}
        session = await sessions.prove(db, citizen.session_id, facts, upstream)
        await db.flush()
    principal = structs.replace(await accounts.principal_of(db, session), level=level, proved_at=at)
    accounts.note(
        db, principal, "proved-again", "session", session.id, account_id=citizen.id, method=method, level=level
    )
    return sessions.access_of(house, principal, session)


async def take_over(db: AsyncSession, from_id: UUID, to_id: UUID) -> None:
    """Passkeys of an account that was merged open the one that stayed, at the level they had, but for void ones. May run twice."""
    reset_at = select(Account.reset_at).where(Account.id == from_id).scalar_subquery()
    await db.execute(delete(Passkey).where(Passkey.account_id == from_id, Passkey.created_at <= reset_at))
    await db.execute(update(Passkey).where(Passkey.account_id == from_id).values(account_id=to_id))


async def export(db: AsyncSession, account_id: UUID) -> AsyncGenerator[dict[str, Any]]:
    """The passkeys of a person; their public keys say nothing of them."""
    async for row in pages.walk(db, select(Passkey).where(Passkey.account_id == account_id), Passkey.id):
        yield facts_of(row[0], "account_id")
