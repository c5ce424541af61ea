"""What becomes of a delegation, and the question at each request: may this one act for that account?

All that changes a delegation happens under the lock of the account it stands for (`lock`), one after another.
"""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import rules as accounts
from app.accounts.models import Account, of_person
from app.core import audit, person_keys
from app.core.crypto import Crypto
from app.core.guards import NotOnBehalf, Wanted
from app.core.house import House
from app.core.ids import new_id
from app.core.principals import Citizen, Nobody, Principal
from app.delegations import queries, rules
from app.delegations.models import Business, Delegation, DelegationEvent
from app.delegations.rules import DelegationOver, GuardianStays, Kind, Reason, Role, State
from app.notifications import service as notifications

RESOLVE_SQL = f"""
WITH found AS (
    SELECT d.level FROM delegation d
    JOIN account represented ON represented.id = d.account_id AND represented.state = 'active'
    JOIN account actor ON actor.id = d.delegate_id AND actor.state = 'active'
        AND (d.granted_by IS NOT NULL OR actor.number_index IS NOT NULL) -- what a registry proved, it proved of a number
    WHERE d.delegate_id = $1 AND d.account_id = $2 AND d.state = 'active' AND d.ends_at > now() AND d.scopes ? $3
    ORDER BY d.level DESC LIMIT 1
), noted AS (
    INSERT INTO audit_entry ({audit.COLUMNS})
    SELECT $4, now(), 'citizen', $1, $2, $2, 'read-on-behalf', $3, $5, '', $6, $7, jsonb_build_object('handler', $8::text)
    FROM found WHERE $9
)
SELECT level FROM found
"""


async def resolve(house: House, citizen: Citizen, wanted: Wanted) -> Citizen:
    """The represented citizen with the actor beside them. One statement a request and nothing remembered, so that a revocation
    counts at the very next one; a read is put on the trail by it, a write by who does it. Raises NotOnBehalf.
    """
    account_id = _parse(wanted.account)
    if account_id is None or not wanted.scope or citizen.state != accounts.State.ACTIVE:
        raise NotOnBehalf
    origin = audit.origin()
    level = await house.database.hot.fetchval(
        RESOLVE_SQL,
        citizen.id,
        account_id,
        wanted.scope,
        new_id(),
        wanted.subject,
        origin.address,
        origin.request_id,
        wanted.handler,
        wanted.reads,
    )
    if level is None:
        raise NotOnBehalf
    return Citizen(account_id, citizen.session_id, min(citizen.level, level), citizen.proved_at, actor_id=citizen.id)


async def revoke(db: AsyncSession, citizen: Citizen, delegation_id: UUID) -> Delegation:
    """By either side, in force with the next request. Raises NoSuchDelegation, DelegationOver, GuardianStays."""
    one = await locked(db, citizen, delegation_id)
    state, _ = queries.state_of(one)
    if citizen.id not in (one.account_id, one.delegate_id, one.granted_by) or state not in rules.OPEN:
        raise DelegationOver(state=state)
    if one.kind == Kind.GUARDIAN and citizen.id == one.account_id:
        raise GuardianStays
    await close(db, one, State.REVOKED, citizen)
    return one


async def hold(db: AsyncSession, citizen: Citizen, proved: Delegation) -> Delegation:
    """Take on what a registry has proved; the account is locked. Proved again, it is the same delegation, confirmed."""
    there = await active(db, citizen.id, proved.account_id, Kind(proved.kind))
    if there is not None and not await settled(db, there):
        await confirm(db, there, proved)
        return there
    db.add(proved)
    await changed(db, proved, citizen)
    return proved


async def confirm(db: AsyncSession, there: Delegation, said: Delegation) -> None:
    """A registry says again that it is so, perhaps with another role."""
    news = (there.role, there.source_version) != (said.role, said.source_version)
    lost = there.role == Role.LEGAL_REPRESENTATIVE != said.role
    there.role, there.source_version, there.as_of = said.role, said.source_version, said.as_of
    there.ends_at, there.scopes, there.recheck_at = said.ends_at, said.scopes, said.recheck_at
    if news:
        _append(db, there, "confirmed", None)
    if lost:
        await _end_appointments(db, there)


async def changed(db: AsyncSession, one: Delegation, who: Principal) -> None:
    """Keep the history, put it on the trail, tell both. May be called twice for one state; it is told once."""
    await db.flush()
    by = who.person_id if isinstance(who, Citizen) else None
    _append(db, one, one.state, by)
    audit.record(
        db,
        who,
        f"delegation-{one.state}",
        "delegation",
        one.id,
        account_id=one.account_id,
        kind=one.kind,
        role=one.role,
    )
    template = f"delegation-{Reason.OF_AGE if one.end_reason == Reason.OF_AGE else one.state}"
    inbox = None if one.kind == Kind.BUSINESS else one.account_id
    for told in {inbox, one.granted_by, one.delegate_id}:
        if told is not None:
            await _tell(db, one, told, template, one.ends_at)


async def close(db: AsyncSession, one: Delegation, to: State, who: Principal, reason: str = "") -> None:
    """End a locked delegation. Whom a legal representative appointed goes with them."""
    one.state, one.ended_at, one.end_reason = to, datetime.now(UTC), reason
    await changed(db, one, who)
    if one.role == Role.LEGAL_REPRESENTATIVE:
        await _end_appointments(db, one)


async def erase(db: AsyncSession, account_id: UUID) -> None:
    """Nobody acts for this account any more, nor it for others; the rows stay, without a phone. May run twice."""
    own = of_person(account_id)
    phones = select(Account.phone_index).where(own, Account.phone_index.is_not(None))
    named = (one == account_id for one in (Delegation.account_id, Delegation.delegate_id, Delegation.granted_by))
    theirs = or_(*list(named), Delegation.invited_index.in_(phones))
    open_ones = select(Delegation).where(theirs, Delegation.state.in_(rules.OPEN))
    for one in (await db.scalars(open_ones.order_by(Delegation.id).with_for_update())).all():
        if one.state in rules.OPEN:
            await close(db, one, State.REVOKED, Nobody(), Reason.ACCOUNT_CLOSED)
    over = update(Delegation).where(theirs, Delegation.state.not_in(rules.OPEN), Delegation.invited_index.is_not(None))
    await db.execute(over.values(invited_index=b"", invited_sealed=None))
    await db.execute(delete(Business).where(Business.account_id == account_id))


async def tell_offered(db: AsyncSession, delegation_id: UUID) -> None:
    """Tell the holder of the phone that was named, if there is one. May run twice."""
    one = await db.get(Delegation, delegation_id)
    if one is None or one.state != State.PENDING:
        return
    stays = func.coalesce(Account.merged_into, Account.id)
    holder = await db.scalar(select(stays).where(Account.phone_index == one.invited_index))
    if holder is not None:
        await _tell(db, one, holder, "delegation-offered", one.invited_until or one.ends_at)


async def lock(db: AsyncSession, account_id: UUID) -> Account:
    """Delegations of one account change one after another; who only refers to the account goes on."""
    held = select(Account).where(Account.id == account_id).with_for_update(key_share=True)
    return (await db.scalars(held)).one()


async def locked(db: AsyncSession, citizen: Citizen, delegation_id: UUID) -> Delegation:
    """One of mine, as it stands once I hold the lock. Raises NoSuchDelegation."""
    one = await queries.one(db, citizen, delegation_id)
    await lock(db, one.account_id)
    await db.refresh(one)
    return one


async def active(db: AsyncSession, delegate_id: UUID, account_id: UUID, kind: Kind) -> Delegation | None:
    return await db.scalar(
        select(Delegation)
        .where(Delegation.delegate_id == delegate_id, Delegation.account_id == account_id)
        .where(Delegation.kind == kind, Delegation.state == State.ACTIVE)
    )


async def settled(db: AsyncSession, one: Delegation) -> bool:
    """Whether a locked delegation has come to its end; if the clock's job has not come by yet, it is closed here."""
    state, reason = queries.state_of(one)
    if state == one.state:
        return False
    await close(db, one, state, Nobody(), reason)
    return True


async def take_over(db: AsyncSession, crypto: Crypto, from_id: UUID, to_id: UUID) -> None:
    """Delegations that name an account that was merged name the one that stayed. One to oneself ends, and one that would be there
    twice, with its history. May run twice."""
    named = or_(Delegation.account_id == from_id, Delegation.delegate_id == from_id, Delegation.granted_by == from_id)
    found = (await db.execute(select(Delegation.id, Delegation.account_id).where(named))).all()
    for account_id in sorted({row[1] for row in found} | {to_id}) if found else []:
        await lock(db, account_id)
    for row in found:
        one = await db.get_one(Delegation, row[0], populate_existing=True)
        account_id = to_id if one.account_id == from_id else one.account_id
        delegate_id = to_id if one.delegate_id == from_id else one.delegate_id
        if one.state in rules.OPEN and await _left_over(db, one, account_id, delegate_id):
            to = State.ENDED if one.state == State.ACTIVE else State.REVOKED
            await close(db, one, to, Nobody(), Reason.MERGED)
        one.granted_by = to_id if one.granted_by == from_id else one.granted_by
        if account_id != delegate_id:
            if one.invited_sealed is not None and account_id != one.account_id:
                old, new = await person_keys.person(db, crypto, from_id), await person_keys.make(db, crypto, to_id)
                one.invited_sealed = new.encrypt(rules.PHONE, old.decrypt(rules.PHONE, one.invited_sealed))
            one.account_id, one.delegate_id = account_id, delegate_id
        else:
            one.invited_index = one.invited_sealed = None
        await db.flush()


async def _left_over(db: AsyncSession, one: Delegation, account_id: UUID, delegate_id: UUID | None) -> bool:
    """Whether an open delegation would be one to oneself, or a second, once it named these."""
    if one.state == State.PENDING:
        own = (Account.phone_index == one.invited_index) & of_person(account_id)
        if await db.scalar(select(select(Account.id).where(own).exists())):
            return True
        twin = Delegation.invited_index == one.invited_index
    else:
        twin = Delegation.delegate_id == delegate_id
    same = (
        twin & (Delegation.account_id == account_id) & (Delegation.kind == one.kind) & (Delegation.state == one.state)
    )
    second = select(Delegation.id).where(same, Delegation.id != one.id)
    return account_id == delegate_id or bool(await db.scalar(select(second.exists())))


async def _end_appointments(db: AsyncSession, gone: Delegation) -> None:
    appointed = await db.scalars(
        select(Delegation)
        .where(Delegation.account_id == gone.account_id, Delegation.granted_by == gone.delegate_id)
        .where(Delegation.state.in_(rules.OPEN))
    )
    for one in appointed.all():
        to = State.ENDED if one.state == State.ACTIVE else State.REVOKED
        await close(db, one, to, Nobody(), Reason.ROLE_LOST)


async def _tell(db: AsyncSession, one: Delegation, account_id: UUID, template: str, until: datetime) -> None:
    await notifications.tell(
        db,
        account_id,
        template,
        subject_kind="delegation",
        subject_id=one.id,
        once=str(account_id),
        until_at=until.isoformat(),
    )


def _append(db: AsyncSession, one: Delegation, what: str, by: UUID | None) -> None:
    facts = {"role": one.role, "scopes": one.scopes, "ends_at": one.ends_at.isoformat(), "reason": one.end_reason or ""}
    db.add(DelegationEvent(delegation_id=one.id, id=new_id(), at=datetime.now(UTC), what=what, by_id=by, facts=facts))


def _parse(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
