"""Writes of messages: tell a resident something, mark as read, record what became of a push."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import outbox
from app.core.ids import new_id
from app.notifications.models import Delivery, Message
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

    With `once`, the same template about the same subject under that word is told one time only.
    """
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


async def read(db: AsyncSession, message: Message) -> Message:
    """The first reading counts."""
    if message.read_at is None:
        message.read_at = datetime.now(UTC)
        await db.flush()
    return message


async def read_all(db: AsyncSession, account_id: UUID) -> None:
    now = datetime.now(UTC)
    await db.execute(
        update(Message).where(Message.account_id == account_id, Message.read_at.is_(None)).values(read_at=now)
    )


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
