"""Writes of messages: tell a resident something, mark as read, record what became of a push."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import queries as accounts
from app.core import audit, outbox
from app.core.ids import new_id
from app.core.principals import Citizen
from app.notifications.models import Delivery, Message, Template
from app.notifications.rules import PUSH_JOB


async def tell(
    db: AsyncSession,
    account_id: UUID,
    template: str,
    *,
    subject_kind: str,
    subject_id: UUID,
    once: str = "",
    **params: Any,
) -> None:
    """Put a message in a resident's inbox and ring their phones, both when this transaction commits.

    A closed account is told nothing. With `once`, the same template about the same subject under that word is told one time only.
    """
    if await accounts.is_closed(db, account_id):
        return
    made = insert(Message).values(
        id=uuid5(subject_id, f"{template}:{once}") if once else new_id(),
        account_id=account_id,
        template_code=template,
        params=params,
        subject_kind=subject_kind,
        subject_id=subject_id,
        created_at=datetime.now(UTC),
    )
    message_id = await db.scalar(made.on_conflict_do_nothing().returning(Message.id))
    if message_id is not None:
        outbox.put(db, PUSH_JOB, message_id=message_id)


async def read(db: AsyncSession, citizen: Citizen, message: Message) -> Message:
    """The first reading counts; each on another's behalf is on the trail."""
    if message.read_at is None:
        message.read_at = datetime.now(UTC)
    if citizen.actor_id is not None:
        audit.record(db, citizen, "message-read", "message", message.id, account_id=citizen.id)
    await db.flush()
    return message


async def read_all(db: AsyncSession, citizen: Citizen) -> None:
    """As `read`."""
    now = datetime.now(UTC)
    await db.execute(
        update(Message).where(Message.account_id == citizen.id, Message.read_at.is_(None)).values(read_at=now)
    )
    if citizen.actor_id is not None:
        audit.record(db, citizen, "messages-read", "account", citizen.id, account_id=citizen.id)


async def delivered(db: AsyncSession, message_id: UUID, device_id: UUID, outcome: str, vendor_id: str) -> None:
    """Record one phone's outcome; a second word on the same changes nothing."""
    await db.execute(
        insert(Delivery)
        .values(message_id=message_id, device_id=device_id, outcome=outcome, vendor_id=vendor_id, at=datetime.now(UTC))
        .on_conflict_do_nothing()
    )


async def take_over(db: AsyncSession, from_id: UUID, to_id: UUID) -> None:
    """The inbox of an account that was merged goes to the one that stayed. May run twice."""
    await db.execute(update(Message).where(Message.account_id == from_id).values(account_id=to_id))


async def drop_queued(db: AsyncSession, account_id: UUID, purpose: str) -> None:
    """What was told for a purpose and has not rung yet does not ring any more."""
    told = select(Message.id).join(Template, Template.code == Message.template_code)
    mine = await db.scalars(told.where(Message.account_id == account_id, Template.purpose_code == purpose))
    await outbox.drop(db, PUSH_JOB, "message_id", mine.all())


async def erase(db: AsyncSession, account_id: UUID) -> None:
    """Empty a person's inbox."""
    mine = select(Message.id).where(Message.account_id == account_id)
    await db.execute(delete(Delivery).where(Delivery.message_id.in_(mine)))
    await db.execute(delete(Message).where(Message.account_id == account_id))
