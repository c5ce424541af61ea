"""Reads of areas, units, officers."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import pages, principals
from app.core.errors import AppError, Text
from app.departments.directory import plain
from app.departments.models import Area, Department, Officer, OfficerGrant, OldArea, Role, RoleAct, SpecialDay
from app.departments.rules import MANAGE, Held, NoSuchOfficer, acts_there, grants_of
from app.departments.schemas import GrantOut, NamedOut, RoleOut

FOUND_MAX = 20
GRANTS_SHOWN = 200


class WantedOfficers(Struct, frozen=True):
    """What an administrator searches by."""

    words: str | None = None
    department: str | None = None
    active: bool | None = None


class NoSuchDepartment(AppError):
    status, code = 404, "no-such-department"
    title = Text("Không có đơn vị này", "No such department")


async def areas_like(db: AsyncSession, words: str) -> Sequence[Area]:
    """Areas whose name is like the words, diacritics ignored, the most alike first."""
    key = plain(words)
    alike = func.word_similarity(key, Area.search_key)
    query = select(Area).where(Area.valid_to.is_(None), alike > 0.5).order_by(alike.desc(), Area.code)
    return (await db.scalars(query.limit(FOUND_MAX))).all()


async def old_areas_like(db: AsyncSession, words: str) -> Sequence[OldArea]:
    """The same for the names before 2025-07-01; one row a successor, the default first."""
    key = plain(words)
    alike = func.word_similarity(key, OldArea.search_key)
    query = select(OldArea).where(alike > 0.5).order_by(alike.desc(), OldArea.code, OldArea.is_default.desc())
    return (await db.scalars(query.limit(FOUND_MAX * 3))).all()


async def departments(db: AsyncSession, cursor: str | None, limit: int) -> Sequence[Department]:
    query = select(Department).where(Department.valid_to.is_(None))
    return (
        await db.scalars(pages.after(query, [(Department.code, str)], cursor, descending=False).limit(limit + 1))
    ).all()


async def department(db: AsyncSession, code: str) -> Department:
    found = await db.get(Department, code)
    if found is None:
        raise NoSuchDepartment
    return found


async def special_days(db: AsyncSession, year: int) -> Sequence[SpecialDay]:
    query = select(SpecialDay).where(func.extract("year", SpecialDay.day) == year).order_by(SpecialDay.day)
    return (await db.scalars(query)).all()


async def officer_by_subject(db: AsyncSession, issuer: str, subject: str) -> Officer | None:
    return await db.scalar(select(Officer).where(Officer.issuer == issuer, Officer.subject == subject))


def live(now: datetime) -> ColumnElement[bool]:
    """Grants that were not taken away and are not over; some may begin later."""
    return OfficerGrant.ended_at.is_(None) & (OfficerGrant.until.is_(None) | (OfficerGrant.until > now))


async def principal(db: AsyncSession, officer: Officer, session_id: UUID) -> principals.Officer:
    """An officer as their token says them: what they may do now, and until when that is sure to be so."""
    now = datetime.now(UTC)
    found = await db.scalars(select(OfficerGrant).where(OfficerGrant.officer_id == officer.id, live(now)))
    grants = found.all()
    acts = await acts_of(db, {grant.role_code for grant in grants})
    held = [Held(acts[one.role_code], one.department_code, one.area_code) for one in grants if one.starts_at <= now]
    turns = [at.timestamp() for one in grants for at in (one.starts_at, one.until) if at is not None and at > now]
    return principals.Officer(
        officer.id, session_id, officer.department_code or "", grants_of(held), min(turns, default=0.0)
    )


async def acts_of(db: AsyncSession, roles: Collection[str]) -> dict[str, frozenset[str]]:
    rows = await db.execute(select(RoleAct.role_code, RoleAct.act).where(RoleAct.role_code.in_(roles)))
    found: dict[str, set[str]] = {role: set() for role in roles}
    for role, act in rows:
        found[role].add(act)
    return {role: frozenset(acts) for role, acts in found.items()}


async def roles(db: AsyncSession) -> list[RoleOut]:
    found = (await db.scalars(select(Role).order_by(Role.code))).all()
    acts = await acts_of(db, {role.code for role in found})
    return [
        RoleOut(code=one.code, name_vi=one.name_vi, name_en=one.name_en, acts=sorted(acts[one.code])) for one in found
    ]


async def grants(db: AsyncSession, officer_id: UUID, *, ended: bool) -> list[GrantOut]:
    """What an officer holds or will hold, or, with `ended`, ever held, the newest first; with names and acts."""
    query = (
        select(OfficerGrant, Role, Department, Area)
        .join(Role, Role.code == OfficerGrant.role_code)
        .outerjoin(Department, Department.code == OfficerGrant.department_code)
        .outerjoin(Area, Area.code == OfficerGrant.area_code)
        .where(OfficerGrant.officer_id == officer_id)
        .order_by(OfficerGrant.granted_at.desc(), OfficerGrant.id.desc())
        .limit(GRANTS_SHOWN)
    )
    rows = (await db.execute(query if ended else query.where(live(datetime.now(UTC))))).all()
    acts = await acts_of(db, {row[1].code for row in rows})
    return [_shown(row[0], row[1], row[2], row[3], acts[row[1].code]) for row in rows]


def _shown(
    grant: OfficerGrant, role: Role, department: Department | None, area: Area | None, acts: frozenset[str]
) -> GrantOut:
    return GrantOut(
        id=grant.id,
        role=NamedOut(code=role.code, name_vi=role.name_vi, name_en=role.name_en),
        department=department
        and NamedOut(code=department.code, name_vi=department.name_vi, name_en=department.name_en),
        area=area and NamedOut(code=area.code, name_vi=area.full_name, name_en=area.name_en),
        whole_city=department is None and area is None,
        acts=sorted(acts_there(acts, grant.department_code, grant.area_code)),
        starts_at=grant.starts_at,
        until=grant.until,
        granted_at=grant.granted_at,
        granted_by=grant.granted_by,
        reason=grant.reason,
        ended_at=grant.ended_at,
        ended_by=grant.ended_by,
        end_reason=grant.end_reason,
    )


def managed_by(me: principals.Officer) -> Select[Officer]:
    """Where an administrator's reads start: who works, or holds a role, within what they administer."""
    where = me.where(MANAGE)
    if where.city:
        return select(Officer)
    inside = or_(Department.code.in_(where.departments), Department.area_code.in_(where.areas))
    units = select(Department.code).where(inside)
    place = or_(OfficerGrant.department_code.in_(units), OfficerGrant.area_code.in_(where.areas))
    holders = select(OfficerGrant.officer_id).where(place, live(datetime.now(UTC)))
    return select(Officer).where(or_(Officer.department_code.in_(units), Officer.id.in_(holders)))


async def officers(
    db: AsyncSession, me: principals.Officer, wanted: WantedOfficers, cursor: str | None, limit: int
) -> Sequence[Officer]:
    """By name; diacritics are ignored in what is searched for."""
    query = managed_by(me)
    if wanted.words:
        alike = func.unaccent(func.lower(Officer.full_name)).contains(plain(wanted.words), autoescape=True)
        query = query.where(or_(alike, Officer.subject == wanted.words))
    if wanted.department:
        held = select(OfficerGrant.officer_id).where(
            OfficerGrant.department_code == wanted.department, live(datetime.now(UTC))
        )
        query = query.where(or_(Officer.department_code == wanted.department, Officer.id.in_(held)))
    if wanted.active is not None:
        query = query.where(Officer.active.is_(wanted.active))
    keys = [(Officer.full_name, str), (Officer.id, UUID)]
    return (await db.scalars(pages.after(query, keys, cursor, descending=False).limit(limit + 1))).all()


async def managed(db: AsyncSession, me: principals.Officer, officer_id: UUID, *, lock: bool = False) -> Officer:
    """Raises NoSuchOfficer for what is not there and for what `me` does not administer.

    The lock lets others name the officer as the one who gave or took a role: two may act on each other at once.
    """
    query = managed_by(me).where(Officer.id == officer_id)
    found = await db.scalar(query.with_for_update(key_share=True) if lock else query)
    if found is None:
        raise NoSuchOfficer
    return found
