"""The trail: who read or changed whose data, why, from where. Insert-only; the application's role may not alter it."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from app.core.ids import new_id
from app.core.principals import Citizen, Nobody, Officer, Partner, Principal


class AuditEntry(Base):
    __tablename__ = "audit_entry"
    __table_args__ = (Index(None, "account_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    account_id: Mapped[UUID | None]
    """Whose data it was."""
    action: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[str]
    reason: Mapped[str]


def record(
    db: AsyncSession,
    who: Principal,
    action: str,
    subject_kind: str,
    subject_id: UUID | str,
    *,
    account_id: UUID | None = None,
    reason: str = "",
) -> None:
    """Write one entry in the caller's own transaction: what is not on the trail did not happen."""
    db.add(
        AuditEntry(
            id=new_id(),
            at=datetime.now(UTC),
            actor_kind=_kind(who),
            actor_id=None if isinstance(who, Nobody) else who.id,
            account_id=account_id,
            action=action,
            subject_kind=subject_kind,
            subject_id=str(subject_id),
            reason=reason,
        )
    )


def _kind(who: Principal) -> str:
    match who:
        case Citizen():
            return "citizen"
        case Officer():
            return "officer"
        case Partner():
            return "partner"
        case Nobody():
            return "nobody"
