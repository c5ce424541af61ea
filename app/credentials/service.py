"""Where every sign-in of a resident ends, however they proved who they are; and the proof anew within a session (RFC 9470)."""

import time

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import service as accounts
from app.accounts import states
from app.accounts.models import Account
from app.accounts.rules import NAMELESS, Method
from app.core import sessions
from app.core.house import House
from app.core.principals import Citizen
from app.core.sessions import AccessOut, TokensOut


async def open_session(
    db: AsyncSession,
    house: House,
    account: Account,
    method: Method,
    level: int,
    device_name: str,
    proved_at: float | None = None,
) -> TokensOut:
    """A session for a locked account whose holder has proved who they are, just now or `proved_at`. Raises AccountShut.

    Who comes to an account that was merged comes to the one that stayed.
    """
    if account.merged_into is not None:
        account = await db.get_one(Account, account.merged_into, with_for_update=True)
    await states.admit(db, account, method)
    facts = {"level": level, "auth_time": proved_at or time.time(), "amr": [method]}
    opened = sessions.open_session(db, house, "citizen", account.id, facts, device_name)
    await db.flush()
    principal = await accounts.principal_of(db, opened.session)
    if await sessions.is_new_device(db, opened.session):
        accounts.note(
            db,
            principal,
            "new-device",
            "session",
            opened.session.id,
            account_id=account.id,
            method=method,
            device=device_name or NAMELESS,
        )
    accounts.note(
        db,
        principal,
        "signed-in",
        "session",
        opened.session.id,
        account_id=account.id,
        method=method,
        level=level,
        device=device_name,
    )
    return sessions.tokens_of(house, principal, opened)


async def prove(db: AsyncSession, house: House, citizen: Citizen, method: Method, level: int) -> AccessOut:
    """The holder of this session has just proved again who they are: a token that says so. Raises RefreshRefused."""
    session = await sessions.prove(
        db, citizen.session_id, {"level": max(level, citizen.level), "auth_time": time.time(), "amr": [method]}
    )
    await db.flush()
    principal = await accounts.principal_of(db, session)
    accounts.note(
        db, principal, "proved-again", "session", session.id, account_id=citizen.id, method=method, level=level
    )
    return sessions.access_of(house, principal, session)
