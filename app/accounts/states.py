"""The states of an account: who may sign in, and what a change of state ends. History is on the trail."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import rules, service
from app.accounts.models import Account
from app.accounts.rules import NEXT, SIGNED_IN, AccountShut, Method, State, StateRefused
from app.core import sessions
from app.core.principals import Nobody, Principal
from app.core.revocations import Revocations


async def change(
    db: AsyncSession, revocations: Revocations, account: Account, to: State, who: Principal, reason: str
) -> Account:
    """Bring a locked account into another state. Raises StateRefused.

    Where nobody may be signed in, every session ends; else their tokens are renewed, so that they say the new state.
    """
    now = State(account.state)
    if to not in NEXT[now]:
        raise StateRefused(now=now, to=to)
    to = _let_go(account, to)
    account.state, account.state_reason, account.state_at = to, reason, datetime.now(UTC)
    if to == State.RESET_REQUIRED:
        account.reset_at = account.state_at
    account.version += 1
    if to in SIGNED_IN:
        await sessions.renew_all(db, revocations, account.id)
    else:
        await sessions.end_all(db, revocations, account.id)
    service.note(
        db, who, "state-changed", "account", account.id, account_id=account.id, reason=reason, before=now, after=to
    )
    return account


async def admit(db: AsyncSession, account: Account, method: Method) -> None:
    """Whether this sign-in may go on; a good one heals what asked for it. Raises AccountShut."""
    state = State(account.state)
    if state in SIGNED_IN:
        return
    if not rules.heals(state, account.state_reason, method, has_eid=account.eid_subject is not None):
        raise AccountShut(state=state)
    to = _let_go(account, State.ACTIVE)
    account.state, account.state_reason, account.state_at = to, "", datetime.now(UTC)
    service.note(db, Nobody(), "state-changed", "account", account.id, account_id=account.id, before=state, after=to)


def _let_go(account: Account, to: State) -> State:
    """Where a change really leads: who asked for the end of the account, and was held since, has still asked for it."""
    if to == State.CLOSING:
        account.closing = True
    elif to == State.ACTIVE and account.state == State.CLOSING:
        account.closing = False
    elif to == State.ACTIVE and account.closing:
        return State.CLOSING
    return to


async def suspend_for_eid(db: AsyncSession, revocations: Revocations, account_id: UUID) -> None:
    """The national eID says that the identity is no good any more: nobody is signed in until it is. May run twice."""
    account = await db.get(Account, account_id, with_for_update=True)
    if account is not None and State.SUSPENDED in NEXT[State(account.state)]:
        await change(db, revocations, account, State.SUSPENDED, Nobody(), rules.EID_SUSPENDED)


async def checked(db: AsyncSession, account_id: UUID) -> None:
    """The national eID has said again that the identity is good."""
    await db.execute(update(Account).where(Account.id == account_id).values(eid_checked_at=datetime.now(UTC)))
