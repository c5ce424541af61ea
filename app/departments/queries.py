"""Reads of areas, units, officers."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import pages
from app.core.errors import AppError, Text
from app.departments.directory import plain
from app.departments.models import Area, Department, Officer, OfficerRole, OldArea, Role, RoleAct, SpecialDay

FOUND_MAX = 20


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
    return await db.scalar(select(Officer).where(Officer.issuer == issuer, Officer.subject == subject, Officer.active))


async def roles_of(db: AsyncSession, officer_id: UUID) -> Sequence[tuple[Role, str]]:
    """Roles with the department each is held in."""
    rows = await db.execute(
        select(Role, OfficerRole.department_code)
        .join(OfficerRole, OfficerRole.role_code == Role.code)
        .where(OfficerRole.officer_id == officer_id)
        .order_by(Role.code, OfficerRole.department_code)
    )
    return [(row[0], row[1]) for row in rows]


async def acts_of(db: AsyncSession, officer_id: UUID) -> frozenset[str]:
    rows = await db.scalars(
        select(RoleAct.act)
        .join(OfficerRole, OfficerRole.role_code == RoleAct.role_code)
        .where(OfficerRole.officer_id == officer_id)
    )
    return frozenset(rows)
