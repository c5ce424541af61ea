"""The trail: who read or changed whose data, in whose name, why, from where. Insert-only; the application's role may not
alter it."""

from collections.abc import AsyncGenerator, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Index, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core import pages
from app.core.db import Base, facts_of
from app.core.ids import new_id
from app.core.principals import Citizen, Nobody, Officer, Partner, Principal

SIGN_INS = ("signed-in", "proved-again")
"""Entries that make the history of sign-ins."""
SIGN_IN_LIST = ", ".join(f"'{action}'" for action in SIGN_INS)


class AuditEntry(Base):
    __tablename__ = "audit_entry"
    __table_args__ = (
        Index(None, "account_id", "id"),
        Index("audit_entry_sign_in_idx", "account_id", "id", postgresql_where=text(f"action IN ({SIGN_IN_LIST})")),
        Index("audit_entry_officer_idx", "actor_id", "id", postgresql_where=text("actor_kind = 'officer'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    """Who did it: the person's own account, an officer, a partner."""
    on_behalf_of: Mapped[UUID | None]
    """The account in whose name, if it was another's."""
    unit: Mapped[str] = mapped_column(server_default="")
    """Of an officer: the unit they work for."""
    account_id: Mapped[UUID | None]
    """Whose data it was."""
    action: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[str]
    reason: Mapped[str]
    address: Mapped[str] = mapped_column(server_default="")
    """From where: the caller's network address; empty for the house itself."""
    request_id: Mapped[str] = mapped_column(server_default="")
    facts: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    """What else there is to know, e.g. the method of a sign-in. Never a number or a name of a person."""


class Origin(Struct, frozen=True):
    """Where a request comes from."""

    address: str = ""
    request_id: str = ""


_origin: ContextVar[Origin | None] = ContextVar("origin", default=None)


def begin(address: str, request_id: str) -> None:
    """Called by the porch for each request."""
    _origin.set(Origin(address, request_id))


def origin() -> Origin:
    """Where the current request comes from; of the house itself, nowhere."""
    return _origin.get() or Origin()


COLUMNS = (
    "id, at, actor_kind, actor_id, on_behalf_of, account_id, action, subject_kind, subject_id, reason,"
    " address, request_id, facts"
)
"""For the hot statements that write an entry along: the columns in the order in which they name them."""


def record(
    db: AsyncSession,
    who: Principal,
    action: str,
    subject_kind: str,
    subject_id: UUID | str,
    *,
    account_id: UUID | None = None,
    reason: str = "",
    **facts: Any,
) -> UUID:
    """Write one entry in the caller's own transaction: what is not on the trail did not happen. Returns its id."""
    entry = entry_of(who, action, subject_kind, subject_id, account_id=account_id, reason=reason, **facts)
    db.add(entry)
    return entry.id


def entry_of(
    who: Principal,
    action: str,
    subject_kind: str,
    subject_id: UUID | str,
    *,
    account_id: UUID | None = None,
    reason: str = "",
    **facts: Any,
) -> AuditEntry:
    """An entry that is not written yet; a hot statement writes it with NOTED_SQL."""
    comes_from = origin()
    return AuditEntry(
        id=new_id(),
        at=datetime.now(UTC),
        actor_kind=kind_of(who),
        actor_id=_actor(who),
        on_behalf_of=who.id if isinstance(who, Citizen) and who.actor_id else None,
        unit=who.unit if isinstance(who, Officer) else "",
        account_id=account_id,
        action=action,
        subject_kind=subject_kind,
        subject_id=str(subject_id),
        reason=reason,
        address=comes_from.address,
        request_id=comes_from.request_id,
        facts=facts,
    )


FIELDS = [column.key for column in AuditEntry.__table__.columns]

NOTED_SQL = f"""
    INSERT INTO audit_entry ({", ".join(FIELDS)}) SELECT {", ".join(f"said.{name}" for name in FIELDS)}
    FROM {{rows}}, jsonb_populate_record(NULL::audit_entry, ${{number}}::jsonb || {{more}}) AS said
"""
"""A part of a hot statement: for each of its rows the entry that `said` made, with what only the row knows."""


def said(entry: AuditEntry) -> dict[str, Any]:
    """An entry as a parameter of NOTED_SQL."""
    return {name: getattr(entry, name) for name in FIELDS}


def _actor(who: Principal) -> UUID | None:
    match who:
        case Citizen():
            return who.person_id
        case Nobody():
            return None
        case _:
            return who.id


def kind_of(who: Principal) -> str:
    match who:
        case Citizen():
            return "citizen"
        case Officer():
            return "officer"
        case Partner():
            return "partner"
        case Nobody():
            return "nobody"


async def export(db: AsyncSession, account_ids: Sequence[UUID]) -> AsyncGenerator[dict[str, Any]]:
    """Who read or changed a person's data. Of an officer: the unit, not who it was. From where, only of what they did themselves."""
    async for row in pages.walk(db, select(AuditEntry).where(AuditEntry.account_id.in_(account_ids)), AuditEntry.id):
        entry: AuditEntry = row[0]
        own = entry.actor_id in account_ids
        officer = ("actor_id",) if entry.actor_kind == "officer" else ()
        yield facts_of(entry, *officer, *(() if own else ("address", "request_id")))
