"""What people grant: an elder to a carer, the legal representative of a business to others. Offered to a phone, in force
once its holder has accepted."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import rules as accounts
from app.accounts.models import Account
from app.core import outbox, person_keys
from app.core.house import House
from app.core.ids import new_id
from app.core.principals import Citizen
from app.delegations import queries, rules
from app.delegations.models import Delegation
from app.delegations.rules import (
    AlreadyDelegated,
    DelegationOver,
    Kind,
    NoSuchDelegation,
    NotOfAge,
    OneselfNamed,
    Role,
    State,
    TooManyDelegations,
)
from app.delegations.schemas import NewAppointment, NewCarer
from app.delegations.service import active, changed, close, lock, locked, settled

GRANT = "grant"
"""The source of a delegation that a person granted."""


async def offer(db: AsyncSession, house: House, citizen: Citizen, new: NewCarer) -> Delegation:
    """Let the holder of a phone act for me, if they accept.

    Raises NotOfAge, BadPhone, OneselfNamed, ScopeUnfit, EndUnfit, AlreadyDelegated, TooManyDelegations.
    """
    born = await db.scalar(select(Account.birth_date).where(Account.id == citizen.id))
    if born is not None and rules.adult_on(born) > rules.today(house.settings.timezone):
        raise NotOfAge
    return await _invite(db, house, citizen, citizen.id, Kind.CARER, Role.CARER, new)


async def appoint(db: AsyncSession, house: House, citizen: Citizen, new: NewAppointment) -> Delegation:
    """The same for a business, by its legal representative. Raises NoSuchDelegation for anybody else, and as `offer`."""
    mine = await active(db, citizen.id, new.business_id, Kind.BUSINESS)
    if mine is None or mine.role != Role.LEGAL_REPRESENTATIVE or mine.ends_at <= datetime.now(UTC):
        raise NoSuchDelegation
    return await _invite(db, house, citizen, new.business_id, Kind.BUSINESS, Role.APPOINTED, new)


async def accept(db: AsyncSession, citizen: Citizen, delegation_id: UUID) -> Delegation:
    """Take on what was offered to my phone. Raises NoSuchDelegation, DelegationOver, AlreadyDelegated."""
    one = await locked(db, citizen, delegation_id)
    if one.state == State.ACTIVE and one.delegate_id == citizen.id:
        return one
    await _check_offered(db, one, citizen)
    held = await active(db, citizen.id, one.account_id, Kind(one.kind))
    if held is not None and not await settled(db, held):
        raise AlreadyDelegated
    one.state, one.delegate_id, one.begins_at = State.ACTIVE, citizen.id, datetime.now(UTC)
    await changed(db, one, citizen)
    return one


async def decline(db: AsyncSession, citizen: Citizen, delegation_id: UUID) -> Delegation:
    """Raises NoSuchDelegation, DelegationOver."""
    one = await locked(db, citizen, delegation_id)
    await _check_offered(db, one, citizen)
    one.delegate_id = citizen.id
    await close(db, one, State.DECLINED, citizen)
    return one


async def _invite(
    db: AsyncSession, house: House, citizen: Citizen, account_id: UUID, kind: Kind, role: Role, new: NewCarer
) -> Delegation:
    phone = accounts.parse_phone(new.phone)
    index = house.crypto.index(accounts.PHONE, phone)
    if index == await db.scalar(select(Account.phone_index).where(Account.id == citizen.id)):
        raise OneselfNamed
    scopes = rules.check_scopes(kind, new.scopes)
    ends_at = rules.end_of_grant(new.ends_on, house.settings.timezone)
    await lock(db, account_id)
    await _check_room(db, citizen, account_id, kind, index)
    now = datetime.now(UTC)
    person = await person_keys.make(db, house.crypto, account_id)
    one = Delegation(
        id=new_id(),
        kind=kind,
        role=role,
        account_id=account_id,
        delegate_id=None,
        granted_by=citizen.id,
        scopes=scopes,
        level=citizen.level,
        state=State.PENDING,
        invited_index=index,
        invited_sealed=person.encrypt(rules.PHONE, phone),
        ends_at=ends_at,
        invited_until=min(now + rules.INVITED_FOR, ends_at),
        end_reason="",
        source=GRANT,
        as_of=now,
        created_at=now,
    )
    db.add(one)
    await changed(db, one, citizen)
    outbox.put(db, rules.OFFER_JOB, delegation_id=one.id)
    return one


async def _check_room(db: AsyncSession, citizen: Citizen, account_id: UUID, kind: Kind, index: bytes) -> None:
    """Raises AlreadyDelegated, TooManyDelegations."""
    mine = select(Delegation).where(Delegation.account_id == account_id, Delegation.granted_by == citizen.id)
    there = await db.scalars(mine.where(Delegation.state.in_(rules.OPEN)))
    still = [one for one in there.all() if not await settled(db, one)]
    if any(one.kind == kind and one.invited_index == index for one in still):
        raise AlreadyDelegated
    lately = (
        select(func.count())
        .select_from(Delegation)
        .where(Delegation.granted_by == citizen.id, Delegation.created_at > datetime.now(UTC) - timedelta(days=1))
    )
    if len(still) >= rules.OPEN_MAX:
        raise TooManyDelegations(most=rules.OPEN_MAX)
    if (await db.scalar(lately) or 0) >= rules.INVITED_A_DAY_MAX:
        raise TooManyDelegations(most=rules.INVITED_A_DAY_MAX)


async def _check_offered(db: AsyncSession, one: Delegation, citizen: Citizen) -> None:
    """Raises DelegationOver, and NoSuchDelegation for who offered it."""
    state, _ = queries.state_of(one)
    if state != State.PENDING:
        raise DelegationOver(state=state)
    if one.invited_index != await db.scalar(select(Account.phone_index).where(Account.id == citizen.id)):
        raise NoSuchDelegation
