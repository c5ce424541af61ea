"""Reads of messages; a citizen sees their own only."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import pages
from app.core.db import facts_of
from app.core.errors import AppError, Text
from app.core.principals import Citizen
from app.notifications import rules
from app.notifications.models import Delivery, Message, Template
from app.notifications.schemas import MessageOut, SubjectOut

Shown = tuple[Message, Template]

UNREAD_MAX = 100


class NoSuchMessage(AppError):
    status, code = 404, "no-such-message"
    title = Text("Không có tin này", "No such message")


def visible_to(citizen: Citizen) -> Select[Message, Template]:
    query = select(Message, Template).join(Template, Template.code == Message.template_code)
    return query.where(Message.account_id == citizen.id)


async def own(db: AsyncSession, citizen: Citizen, cursor: str | None, limit: int, *, unread: bool) -> Sequence[Shown]:
    """The newest first."""
    query = visible_to(citizen)
    if unread:
        query = query.where(Message.read_at.is_(None))
    rows: Sequence[Any] = (
        await db.execute(pages.after(query, [(Message.id, UUID)], cursor, descending=True).limit(limit + 1))
    ).all()
    return [(row[0], row[1]) for row in rows]


async def one(db: AsyncSession, citizen: Citizen, message_id: UUID) -> Shown:
    """Raises NoSuchMessage."""
    row = (await db.execute(visible_to(citizen).where(Message.id == message_id))).one_or_none()
    if row is None:
        raise NoSuchMessage
    return row[0], row[1]


async def unread(db: AsyncSession, citizen: Citizen) -> int:
    some = select(Message.id).where(Message.account_id == citizen.id, Message.read_at.is_(None)).limit(UNREAD_MAX)
    return await db.scalar(select(func.count()).select_from(some.subquery())) or 0


async def count(db: AsyncSession, account_id: UUID) -> int:
    return await db.scalar(select(func.count()).where(Message.account_id == account_id)) or 0


async def to_push(db: AsyncSession, message_id: UUID) -> Shown | None:
    row = (
        await db.execute(
            select(Message, Template)
            .join(Template, Template.code == Message.template_code)
            .where(Message.id == message_id)
        )
    ).one_or_none()
    return (row[0], row[1]) if row else None


async def settled(db: AsyncSession, message_id: UUID) -> set[UUID]:
    """The devices for which this message has an outcome already."""
    return set(await db.scalars(select(Delivery.device_id).where(Delivery.message_id == message_id)))


def shown(message: Message, template: Template, language: str, timezone: str) -> MessageOut:
    title, body = words(message, template, language, timezone)
    subject = SubjectOut(kind=message.subject_kind, id=message.subject_id) if message.subject_id else None
    return MessageOut(
        id=message.id, title=title, body=body, subject=subject, created_at=message.created_at, read_at=message.read_at
    )


def words(message: Message, template: Template, language: str, timezone: str) -> tuple[str, str]:
    """Title and body in a language."""
    title, body = (template.title_vi, template.body_vi) if language == "vi" else (template.title_en, template.body_en)
    return (
        rules.fill(title, message.params, language, timezone),
        rules.fill(body, message.params, language, timezone),
    )


async def export(db: AsyncSession, account_id: UUID, timezone: str) -> AsyncGenerator[dict[str, Any]]:
    """Everything a person was told, in their language and in English."""
    query = select(Message, Template).join(Template, Template.code == Message.template_code)
    async for message, template in pages.walk(db, query.where(Message.account_id == account_id), Message.id):
        said = {language: words(message, template, language, timezone) for language in ("vi", "en")}
        yield facts_of(message, "account_id") | said
