"""What a withdrawn consent reaches. Whatever works on a consent beforehand (queues, caches, tokens) has its line in REACHED;
whatever asks `consents.allows` at the moment of use needs none."""

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncSession

from app.consents import queries, service
from app.consents.models import Consent
from app.consents.rules import SURVEYS
from app.notifications import service as notifications
from app.tickets import service as tickets
from workers.context import Context, Run


async def _pushes(db: AsyncSession, consent: Consent) -> None:
    await notifications.drop_queued(db, consent.account_id, consent.purpose_code)


async def _reminders(db: AsyncSession, consent: Consent) -> None:
    if consent.purpose_code == SURVEYS:
        await tickets.drop_reminders(db, consent.account_id)


REACHED: tuple[Callable[[AsyncSession, Consent], Awaitable[None]], ...] = (_pushes, _reminders)
"""Each is told of the consent that ended, in a transaction of its own, and may be told twice."""


async def withdrawn(context: Context, run: Run) -> None:
    """A consent has ended: what stands on it ends too, unless a newer consent carries all of it."""
    async with context.database.transaction() as db:
        consent = await service.ended(db, run.uuid("consent_id"))
        if consent is None or await _carried(db, consent):
            return
    for reach in REACHED:
        async with context.database.transaction() as db:
            await reach(db, consent)


async def _carried(db: AsyncSession, consent: Consent) -> bool:
    for data_class in consent.data_classes:
        if not await queries.allows(db, consent.account_id, consent.purpose_code, data_class, consent.recipient):
            return False
    return True
