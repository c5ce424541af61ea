"""The trail as an auditor reads it: of a resident's data, or of what an officer did. Reading it is on it, too."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import audit, pages
from app.core.audit import AuditEntry
from app.core.principals import Officer
from app.desk.rules import TrailUnclear


async def read(
    db: AsyncSession,
    me: Officer,
    account_id: UUID | None,
    officer_id: UUID | None,
    reason: str,
    cursor: str | None,
    limit: int,
) -> Sequence[AuditEntry]:
    """The newest first, and one more than `limit` if there is. Each resident whose entries are shown can see that they were.

    Raises TrailUnclear, BadCursor.
    """
    if account_id is None and officer_id is None:
        raise TrailUnclear
    query = select(AuditEntry)
    if account_id is not None:
        query = query.where(AuditEntry.account_id == account_id)
    if officer_id is not None:
        query = query.where(AuditEntry.actor_kind == "officer", AuditEntry.actor_id == officer_id)
    found = await db.scalars(pages.after(query, [(AuditEntry.id, UUID)], cursor, descending=True).limit(limit + 1))
    entries = found.all()
    if officer_id is not None:
        audit.record(db, me, "trail.read", "officer", officer_id, reason=reason)
    for shown in sorted(({one.account_id for one in entries[:limit]} | {account_id}) - {None}, key=str):
        audit.record(db, me, "trail.read", "account", str(shown), account_id=shown, reason=reason)
    return entries
