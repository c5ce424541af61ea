"""Who is an officer and what they may do: made, granted, taken away, kept out. Each with a reason, on the trail."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import audit, principals, reasons, sessions
from app.core.errors import NotAllowed
from app.core.ids import new_id
from app.core.principals import Nobody
from app.core.revocations import Revocations
from app.departments import queries, rules
from app.departments.models import Area, Department, Officer, OfficerGrant, Role, RoleAct
from app.departments.rules import MANAGE, Reach
from app.departments.schemas import Because, NewGrant, NewOfficer

ADMINISTRATORS = 7_265_734
"""The advisory lock under which it is looked whether somebody administers the city still."""


async def make(db: AsyncSession, issuer: str, me: principals.Officer, new: NewOfficer) -> Officer:
    """A new officer of a unit that `me` administers. Raises NoSuchPlace, NotAllowed, OfficerExists, ReasonNeeded."""
    reason = reasons.check(new.reason)
    await _check_place(db, me, new.department_code, None)
    made = await _add(db, issuer, new.subject, new.full_name.strip(), new.department_code)
    if made is None:
        raise rules.OfficerExists(subject=new.subject)
    audit.record(db, me, "officer.made", "officer", made.id, reason=reason, department=new.department_code)
    return made


async def grant(
    db: AsyncSession, revocations: Revocations, me: principals.Officer, officer_id: UUID, new: NewGrant
) -> OfficerGrant:
    """Give a role; the officer's tokens are renewed at once.

    Raises NoSuchOfficer, NotOneself, NoSuchPlace, NotAllowed, NoSuchRole, BadPeriod, AlreadyGranted, TooManyGrants.
    """
    reason = reasons.check(new.reason)
    officer = await _other(db, me, officer_id)
    await _check_place(db, me, new.department_code, new.area_code)
    if await db.get(Role, new.role_code) is None:
        raise rules.NoSuchRole
    now = datetime.now(UTC)
    starts_at = max(new.starts_at or now, now)
    rules.check_period(starts_at, new.until, now)
    await _check_room(db, officer.id, new, now)
    made = OfficerGrant(
        id=new_id(),
        officer_id=officer.id,
        role_code=new.role_code,
        department_code=new.department_code,
        area_code=new.area_code,
        starts_at=starts_at,
        until=new.until,
        granted_by=me.id,
        granted_at=now,
        reason=reason,
    )
    db.add(made)
    await sessions.renew_all(db, revocations, officer.id)
    _record(db, me, "officer.granted", made, reason)
    return made


async def take_away(
    db: AsyncSession, revocations: Revocations, me: principals.Officer, officer_id: UUID, grant_id: UUID, why: Because
) -> Officer:
    """End a role; no token that speaks of it is good any more.

    Raises NoSuchOfficer, NotOneself, NoSuchGrant, NotAllowed, LastAdministrator.
    """
    reason = reasons.check(why.reason)
    officer = await _other(db, me, officer_id)
    now = datetime.now(UTC)
    held = await db.get(OfficerGrant, grant_id)
    if held is None or held.officer_id != officer.id or held.ended_at or (held.until and held.until <= now):
        raise rules.NoSuchGrant
    await _check_mine(db, me, held.department_code, held.area_code)
    if held.id in await _lasting(db, officer.id):
        await _check_not_last(db, officer.id)
    held.ended_at, held.ended_by, held.end_reason = now, me.id, reason
    await sessions.renew_all(db, revocations, officer.id)
    _record(db, me, "officer.grant-ended", held, reason)
    return officer


async def deactivate(
    db: AsyncSession, revocations: Revocations, me: principals.Officer, officer_id: UUID, why: Because
) -> Officer:
    """Keep an officer out: every session ends at once. Twice is once; said again from higher up, it holds from there.

    Raises NoSuchOfficer, NotOneself, NotAllowed, LastAdministrator.
    """
    reason = reasons.check(why.reason)
    officer = await _theirs(db, me, officer_id)
    reach = await _reach(db, me, officer)
    if officer.active:
        if await _lasting(db, officer.id):
            await _check_not_last(db, officer.id)
        await sessions.end_all(db, revocations, officer.id)
    if officer.active or reach > _kept_out_by(officer):
        officer.active, officer.kept_out_by = False, reach
        audit.record(db, me, "officer.deactivated", "officer", officer.id, reason=reason)
    return officer


async def reactivate(db: AsyncSession, me: principals.Officer, officer_id: UUID, why: Because) -> Officer:
    """Let an officer in again, with the roles not taken away meanwhile; who was kept out from higher up is let in from there.

    Raises NoSuchOfficer, NotOneself, NotAllowed.
    """
    reason = reasons.check(why.reason)
    officer = await _theirs(db, me, officer_id)
    if not officer.active:
        if await _reach(db, me, officer) < _kept_out_by(officer):
            raise NotAllowed(act=MANAGE)
        officer.active, officer.kept_out_by = True, None
        audit.record(db, me, "officer.reactivated", "officer", officer.id, reason=reason)
    return officer


async def make_administrator(db: AsyncSession, issuer: str, subject: str, full_name: str, unit: str) -> bool:
    """The administrator of the whole city that others start from; False if it is one already. Raises NoSuchPlace, NoSuchRole."""
    if await db.get(Department, unit) is None:
        raise rules.NoSuchPlace
    if await db.get(Role, rules.ADMINISTRATOR) is None:
        raise rules.NoSuchRole
    officer = await _add(db, issuer, subject, full_name, unit)
    if officer is None:
        known = (Officer.issuer == issuer) & (Officer.subject == subject)
        officer = (await db.scalars(select(Officer).where(known).with_for_update(key_share=True))).one()
    lasting = await _lasting(db, officer.id)
    if officer.active and lasting:
        return False
    officer.active, officer.kept_out_by = True, None
    now, reason = datetime.now(UTC), "khue administrator"
    if lasting:
        audit.record(db, Nobody(), "officer.reactivated", "officer", officer.id, reason=reason)
        return True
    city = OfficerGrant.department_code.is_(None) & OfficerGrant.area_code.is_(None)
    shorter = (OfficerGrant.officer_id == officer.id) & (OfficerGrant.role_code == rules.ADMINISTRATOR) & city
    ended = update(OfficerGrant).where(shorter, OfficerGrant.ended_at.is_(None))
    await db.execute(ended.values(ended_at=now, end_reason=reason))
    made = OfficerGrant(id=new_id(), officer_id=officer.id, role_code=rules.ADMINISTRATOR)
    made.starts_at, made.granted_at, made.reason = now, now, reason
    db.add(made)
    _record(db, Nobody(), "officer.granted", made, reason)
    return True


async def _add(db: AsyncSession, issuer: str, subject: str, full_name: str, unit: str) -> Officer | None:
    """None if the subject is known; two at once make one."""
    made = insert(Officer).values(
        id=new_id(),
        issuer=issuer,
        subject=subject,
        full_name=full_name,
        department_code=unit,
        active=True,
        created_at=datetime.now(UTC),
    )
    return await db.scalar(made.on_conflict_do_nothing(index_elements=["issuer", "subject"]).returning(Officer))


async def _other(db: AsyncSession, me: principals.Officer, officer_id: UUID) -> Officer:
    """Somebody else whom `me` administers, locked. Raises NoSuchOfficer, NotOneself."""
    officer = await queries.managed(db, me, officer_id, lock=True)
    if officer.id == me.id:
        raise rules.NotOneself
    return officer


async def _theirs(db: AsyncSession, me: principals.Officer, officer_id: UUID) -> Officer:
    """Somebody whose coming and going is for `me` to say: they work, and hold each of their roles, where `me` administers."""
    officer = await _other(db, me, officer_id)
    await _check_mine(db, me, officer.department_code, None)
    grants = select(OfficerGrant).where(OfficerGrant.officer_id == officer.id, queries.live(datetime.now(UTC)))
    for held in (await db.scalars(grants)).all():
        await _check_mine(db, me, held.department_code, held.area_code)
    return officer


async def _reach(db: AsyncSession, me: principals.Officer, officer: Officer) -> Reach:
    """How wide `me`, who administers the officer's unit, does."""
    if me.may(MANAGE):
        return Reach.CITY
    unit = await db.get(Department, officer.department_code) if officer.department_code else None
    in_area = unit is not None and unit.area_code is not None and me.may(MANAGE, area=unit.area_code)
    return Reach.AREA if in_area else Reach.UNIT


def _kept_out_by(officer: Officer) -> Reach:
    """It may have been anybody, if it is not known."""
    return Reach.CITY if officer.kept_out_by is None else Reach(officer.kept_out_by)


async def _check_place(db: AsyncSession, me: principals.Officer, department: str | None, area: str | None) -> None:
    """A place of today that `me` administers. Raises NoSuchPlace, NotAllowed."""
    for code, table in ((department, Department), (area, Area)):
        row = await db.get(table, code) if code else None
        if code and (row is None or row.valid_to is not None):
            raise rules.NoSuchPlace
    if department and area:
        raise rules.NoSuchPlace
    await _check_mine(db, me, department, area)


async def _check_mine(db: AsyncSession, me: principals.Officer, department: str | None, area: str | None) -> None:
    """A unit lies in its area: who administers the area administers it, too. Raises NotAllowed."""
    row = await db.get(Department, department) if department else None
    if not me.may(MANAGE, department=department, area=row.area_code if row else area):
        raise NotAllowed(act=MANAGE)


async def _check_room(db: AsyncSession, officer_id: UUID, new: NewGrant, now: datetime) -> None:
    """Raises AlreadyGranted, TooManyGrants."""
    await _close_what_is_over(db, officer_id, now)
    held = (
        await db.scalars(
            select(OfficerGrant).where(OfficerGrant.officer_id == officer_id, OfficerGrant.ended_at.is_(None))
        )
    ).all()
    wanted = (new.role_code, new.department_code, new.area_code)
    if wanted in {(one.role_code, one.department_code, one.area_code) for one in held}:
        raise rules.AlreadyGranted
    if len(held) >= rules.GRANTS_MAX:
        raise rules.TooManyGrants(most=rules.GRANTS_MAX)


async def _close_what_is_over(db: AsyncSession, officer_id: UUID, now: datetime) -> None:
    over = (OfficerGrant.officer_id == officer_id) & (OfficerGrant.until <= now)
    closed = update(OfficerGrant).where(over, OfficerGrant.ended_at.is_(None))
    await db.execute(closed.values(ended_at=OfficerGrant.until, end_reason="until"))


async def _lasting(db: AsyncSession, officer_id: UUID) -> set[UUID]:
    """The officer's grants that make an administrator of the whole city, from now on and without an end."""
    return set(await db.scalars(_administering().where(OfficerGrant.officer_id == officer_id)))


async def _check_not_last(db: AsyncSession, officer_id: UUID) -> None:
    """Somebody else administers the whole city; of two who remove each other, one is too late. Raises LastAdministrator."""
    await db.execute(select(func.pg_advisory_xact_lock(ADMINISTRATORS)))
    others = _administering().where(OfficerGrant.officer_id != officer_id, Officer.active)
    if await db.scalar(others.limit(1)) is None:
        raise rules.LastAdministrator


def _administering() -> Select[UUID]:
    return (
        select(OfficerGrant.id)
        .join(RoleAct, RoleAct.role_code == OfficerGrant.role_code)
        .join(Officer, Officer.id == OfficerGrant.officer_id)
        .where(RoleAct.act == MANAGE, OfficerGrant.department_code.is_(None), OfficerGrant.area_code.is_(None))
        .where(OfficerGrant.ended_at.is_(None), OfficerGrant.until.is_(None), OfficerGrant.starts_at <= func.now())
    )


def _record(db: AsyncSession, who: principals.Principal, action: str, grant: OfficerGrant, reason: str) -> None:
    audit.record(
        db,
        who,
        action,
        "officer",
        grant.officer_id,
        reason=reason,
        grant_id=str(grant.id),
        role=grant.role_code,
        department=grant.department_code,
        area=grant.area_code,
        until=grant.until.isoformat() if grant.until else None,
    )
