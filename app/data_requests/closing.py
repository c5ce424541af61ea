"""The end of an account: when its grace is over it is shut, then erased by a worker, then the request is completed."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import states
from app.accounts.models import Account
from app.accounts.rules import State
from app.core import outbox
from app.core.principals import Nobody
from app.core.revocations import Revocations
from app.data_requests.models import DataRequest
from app.data_requests.rules import CLOSE_JOB, LEFTOVERS_AFTER, OPEN, Kind, Status
from app.data_requests.steps import step

HELD = (State.SUSPENDED, State.BLOCKED, State.RESET_REQUIRED)
"""Somebody else has a say in such an account first."""
LOOK_AGAIN = timedelta(days=1)


async def begin(db: AsyncSession, revocations: Revocations, request_id: UUID) -> UUID | None:
    """Shut the account whose deletion is due; its id, also if it is shut already. None: there is nothing to erase (yet)."""
    request = await db.get(DataRequest, request_id, with_for_update=True)
    now = datetime.now(UTC)
    if request is None or request.kind != Kind.DELETE or request.acts_at is None or request.acts_at > now:
        return None
    account = await db.get_one(Account, request.account_id, with_for_update=True)
    if account.state == State.CLOSED:
        return account.id
    if request.status not in OPEN:
        return None
    if account.state == State.ACTIVE:
        return None
    if account.state in HELD:
        await outbox.put_again(db, CLOSE_JOB, due_at=now + LOOK_AGAIN, request_id=request.id)
        return None
    await states.change(db, revocations, account, State.CLOSED, Nobody(), "deletion-asked")
    return account.id


async def finish(db: AsyncSession, request_id: UUID, *, leftovers: bool) -> None:
    """The person is erased; what could not be yet, because a case is still open, is looked at again."""
    request = await db.get_one(DataRequest, request_id, with_for_update=True)
    if request.status in OPEN:
        step(db, request, Status.COMPLETED, Nobody())
    if leftovers:
        due_at = datetime.now(UTC) + LEFTOVERS_AFTER
        await outbox.put_again(db, CLOSE_JOB, due_at=due_at, request_id=request.id)
