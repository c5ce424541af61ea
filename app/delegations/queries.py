"""Reads of delegations: those I gave, those I hold, those offered to my phone; and what was done by them."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Select, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account
from app.core import pages, person_keys
from app.core.audit import AuditEntry
from app.core.crypto import Crypto, mask
from app.core.db import facts_of
from app.core.person_keys import Person, Shredded
from app.core.principals import Citizen
from app.delegations import rules
from app.delegations.models import Business, Delegation
from app.delegations.rules import Kind, NoSuchDelegation, Reason, Role, Scope, State
from app.delegations.schemas import ActOut, DelegationOut, OtherOut


def visible_to(citizen: Citizen) -> Select[Delegation]:
    """Where every read starts: mine on either side, and what was offered to my phone and can still be accepted."""
    phone = select(Account.phone_index).where(Account.id == citizen.id).scalar_subquery()
    offered = and_(
        Delegation.state == State.PENDING,
        Delegation.invited_index == phone,
        Delegation.invited_until > datetime.now(UTC),
    )
    me = citizen.id
    mine = or_(Delegation.account_id == me, Delegation.delegate_id == me, Delegation.granted_by == me, offered)
    return select(Delegation).where(mine)


async def one(db: AsyncSession, citizen: Citizen, delegation_id: UUID) -> Delegation:
    """Raises NoSuchDelegation."""
    found = await db.scalar(visible_to(citizen).where(Delegation.id == delegation_id))
    if found is None:
        raise NoSuchDelegation
    return found


async def own(db: AsyncSession, citizen: Citizen, cursor: str | None, limit: int) -> Sequence[Delegation]:
    """The newest first."""
    query = pages.after(visible_to(citizen), [(Delegation.id, UUID)], cursor, descending=True)
    return (await db.scalars(query.limit(limit + 1))).all()


async def acts(
    db: AsyncSession, citizen: Citizen, delegation_id: UUID, cursor: str | None, limit: int
) -> Sequence[AuditEntry]:
    """What the one who acts did in the other's name while they could, the newest first. Raises NoSuchDelegation."""
    found = await one(db, citizen, delegation_id)
    if found.begins_at is None:
        return []
    done = select(AuditEntry).where(
        AuditEntry.account_id == found.account_id,
        AuditEntry.on_behalf_of == found.account_id,
        AuditEntry.actor_id == found.delegate_id,
        AuditEntry.at >= found.begins_at,
        AuditEntry.at <= (found.ended_at or datetime.now(UTC)),
    )
    query = pages.after(done, [(AuditEntry.id, UUID)], cursor, descending=True)
    return (await db.scalars(query.limit(limit + 1))).all()


async def names_for(db: AsyncSession, viewer: Citizen, delegate_ids: set[UUID]) -> dict[UUID, str]:
    """Names of those who acted for the account that `viewer` sees: all to the person themselves, else one's own only."""
    known = delegate_ids if viewer.actor_id is None else delegate_ids & {viewer.actor_id}
    if not known:
        return {}
    rows = await db.execute(select(Account.id, Account.full_name).where(Account.id.in_(known)))
    return {row[0]: row[1] for row in rows}


def state_of(delegation: Delegation) -> tuple[State, str]:
    """State and reason as they are now, whether or not the clock's job has come by."""
    now = datetime.now(UTC)
    if delegation.state == State.PENDING and (delegation.invited_until or now) <= now:
        return State.LAPSED, ""
    if delegation.state == State.ACTIVE and delegation.ends_at <= now:
        return State.ENDED, Reason.OF_AGE if delegation.kind == Kind.GUARDIAN else Reason.OVER
    return State(delegation.state), delegation.end_reason


def act_shown(entry: AuditEntry) -> ActOut:
    action = str(entry.facts.get("handler") or entry.action)
    return ActOut(id=entry.id, at=entry.at, action=action, subject_kind=entry.subject_kind, subject_id=entry.subject_id)


class _Known(Struct, frozen=True):
    """What showing a list of delegations needs, read at once."""

    names: Mapping[UUID, str]
    businesses: Mapping[UUID, Business]
    persons: Mapping[UUID, Person]


async def shown(
    db: AsyncSession, crypto: Crypto, citizen: Citizen, found: Sequence[Delegation]
) -> dict[UUID, DelegationOut]:
    """Delegations as one of the two sees them, by id."""
    accounts = {one.account_id for one in found}
    everybody = accounts | {one.delegate_id for one in found if one.delegate_id}
    names: Sequence[Any] = (
        await db.execute(select(Account.id, Account.full_name).where(Account.id.in_(everybody)))
    ).all()
    businesses = await db.scalars(select(Business).where(Business.account_id.in_(accounts)))
    known = _Known(
        {row[0]: row[1] for row in names},
        {one.account_id: one for one in businesses},
        await person_keys.persons(db, crypto, list(accounts)),
    )
    return {one.id: _shown(one, citizen, known) for one in found}


def _shown(one: Delegation, citizen: Citizen, known: _Known) -> DelegationOut:
    state, reason = state_of(one)
    appointed = one.granted_by == citizen.id and one.account_id != citizen.id
    side = "given" if one.account_id == citizen.id else "appointed" if appointed else "held"
    return DelegationOut(
        id=one.id,
        kind=Kind(one.kind),
        role=Role(one.role),
        side=side,
        state=state,
        scopes=[Scope(scope) for scope in one.scopes],
        other=_represented(one, known) if side == "held" else _delegate(one, known),
        represented=_represented(one, known) if side == "appointed" else None,
        created_at=one.created_at,
        begins_at=one.begins_at,
        ends_at=one.ends_at,
        invited_until=one.invited_until if state == State.PENDING else None,
        ended_at=one.ended_at,
        end_reason=reason,
        as_of=one.as_of,
    )


def _represented(one: Delegation, known: _Known) -> OtherOut:
    """To the one who acts; a person's name is masked until they have accepted."""
    business = known.businesses.get(one.account_id)
    accepted = one.begins_at is not None
    if business is not None:
        code = _opened(known.persons[one.account_id], rules.TAX_CODE, business.code_sealed)
        shown = mask(code) if code and rules.is_personal(code) else code
        return OtherOut(account_id=one.account_id if accepted else None, name=business.name, tax_code=shown)
    name = known.names.get(one.account_id, "")
    return OtherOut(account_id=one.account_id if accepted else None, name=name if accepted else rules.mask_name(name))


def _delegate(one: Delegation, known: _Known) -> OtherOut:
    """To the one acted for: who it is once they have accepted, and the phone that was named."""
    name = known.names.get(one.delegate_id, "") if one.delegate_id and one.begins_at else ""
    phone = _opened(known.persons[one.account_id], rules.PHONE, one.invited_sealed) if one.invited_sealed else None
    return OtherOut(account_id=None, name=name, phone=mask(phone, 5, 3) if phone else None)


def _opened(person: Person, purpose: str, sealed: bytes) -> str | None:
    try:
        return person.decrypt(purpose, sealed)
    except Shredded:
        return None


async def export(db: AsyncSession, account_id: UUID) -> AsyncGenerator[dict[str, Any]]:
    """Who might act for a person, and for whom they might."""
    mine = select(Delegation).where(or_(Delegation.account_id == account_id, Delegation.delegate_id == account_id))
    async for row in pages.walk(db, mine, Delegation.id):
        one: Delegation = row[0]
        yield facts_of(one, "account_id", "delegate_id", "granted_by") | {"i_act": one.delegate_id == account_id}
