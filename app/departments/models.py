"""The tables of areas, units, officers, roles and working time. What changes by decree has dates and a successor."""

from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base


class Area(Base):
    """A ward (phường) or commune (xã)."""

    __tablename__ = "area"
    __table_args__ = (
        CheckConstraint("kind IN ('phuong', 'xa')", name="kind"),
        Index("area_search_idx", "search_key", postgresql_using="gin", postgresql_ops={"search_key": "gin_trgm_ops"}),
    )

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    full_name: Mapped[str]
    name_en: Mapped[str]
    kind: Mapped[str]
    lat: Mapped[float]
    lon: Mapped[float]
    search_key: Mapped[str]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class AreaPoint(Base):
    """A point known to lie in an area; without boundaries, the nearest one guesses the area."""

    __tablename__ = "area_point"

    area_code: Mapped[str] = mapped_column(ForeignKey("area.code"), primary_key=True)
    lat: Mapped[float] = mapped_column(primary_key=True)
    lon: Mapped[float] = mapped_column(primary_key=True)


class OldArea(Base):
    """An area before 2025-07-01 and what it became; a split one has several successors."""

    __tablename__ = "old_area"
    __table_args__ = (
        Index(
            "old_area_search_idx", "search_key", postgresql_using="gin", postgresql_ops={"search_key": "gin_trgm_ops"}
        ),
    )

    code: Mapped[str] = mapped_column(primary_key=True)
    area_code: Mapped[str] = mapped_column(ForeignKey("area.code"), primary_key=True)
    full_name: Mapped[str]
    district: Mapped[str]
    is_split: Mapped[bool]
    is_default: Mapped[bool]
    search_key: Mapped[str]


class Department(Base):
    __tablename__ = "department"

    code: Mapped[str] = mapped_column(primary_key=True)
    name_vi: Mapped[str]
    name_en: Mapped[str]
    short_name: Mapped[str]
    kind: Mapped[str]
    parent_code: Mapped[str | None] = mapped_column(ForeignKey("department.code"))
    area_code: Mapped[str | None] = mapped_column(ForeignKey("area.code"))
    hotline: Mapped[str]
    source: Mapped[str]
    confidence: Mapped[str]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    successor_code: Mapped[str | None] = mapped_column(ForeignKey("department.code"))


class Role(Base):
    __tablename__ = "role"

    code: Mapped[str] = mapped_column(primary_key=True)
    name_vi: Mapped[str]
    name_en: Mapped[str]


class RoleAct(Base):
    """What a role may do; the acts themselves are named in the slices' rules."""

    __tablename__ = "role_act"

    role_code: Mapped[str] = mapped_column(ForeignKey("role.code"), primary_key=True)
    act: Mapped[str] = mapped_column(primary_key=True)


class Officer(Base):
    """A member of staff: a subject of the city's own identity provider."""

    __tablename__ = "officer"
    __table_args__ = (
        UniqueConstraint("issuer", "subject"),
        CheckConstraint("kept_out_by BETWEEN 1 AND 3", name="kept_out_by"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    issuer: Mapped[str]
    subject: Mapped[str]
    full_name: Mapped[str]
    department_code: Mapped[str | None] = mapped_column(ForeignKey("department.code"), index=True)
    """The unit they work for."""
    active: Mapped[bool]
    kept_out_by: Mapped[int | None] = mapped_column(SmallInteger)
    """Of one who is not active: the `rules.Reach` of who said so; None if it is not known."""
    created_at: Mapped[datetime]


class OfficerGrant(Base):
    """A role held in a department, in an area or, with neither, in the whole city. Ended, never deleted or changed."""

    __tablename__ = "officer_grant"
    __table_args__ = (
        CheckConstraint("department_code IS NULL OR area_code IS NULL", name="place"),
        CheckConstraint("until > starts_at", name="period"),
        CheckConstraint("(ended_at IS NULL) = (end_reason IS NULL)", name="ended"),
        Index(None, "officer_id"),
        Index(
            "officer_grant_live_idx",
            "officer_id",
            "role_code",
            "department_code",
            "area_code",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    officer_id: Mapped[UUID] = mapped_column(ForeignKey("officer.id"))
    role_code: Mapped[str] = mapped_column(ForeignKey("role.code"))
    department_code: Mapped[str | None] = mapped_column(ForeignKey("department.code"))
    area_code: Mapped[str | None] = mapped_column(ForeignKey("area.code"))
    starts_at: Mapped[datetime]
    until: Mapped[datetime | None]
    granted_by: Mapped[UUID | None] = mapped_column(ForeignKey("officer.id"))
    """None: by a command on the machine."""
    granted_at: Mapped[datetime]
    reason: Mapped[str]
    ended_at: Mapped[datetime | None]
    """When it was taken away, or seen to be over."""
    ended_by: Mapped[UUID | None] = mapped_column(ForeignKey("officer.id"))
    end_reason: Mapped[str | None]


class OfficerRole(Base):
    """How roles were held before `officer_grant`; for processes of that release only, and to be dropped in the next."""

    __tablename__ = "officer_role"

    officer_id: Mapped[UUID] = mapped_column(ForeignKey("officer.id"), primary_key=True)
    role_code: Mapped[str] = mapped_column(ForeignKey("role.code"), primary_key=True)
    department_code: Mapped[str] = mapped_column(ForeignKey("department.code"), primary_key=True)


class WorkingHours(Base):
    __tablename__ = "working_hours"
    __table_args__ = (
        CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
        CheckConstraint("starts < ends", name="order"),
    )

    weekday: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    """0 = Monday."""
    starts: Mapped[time] = mapped_column(primary_key=True)
    ends: Mapped[time]
    source: Mapped[str]
    confidence: Mapped[str]


class SpecialDay(Base):
    """A public holiday, or a day of rest that is worked instead of another."""

    __tablename__ = "special_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    working: Mapped[bool]
    name: Mapped[str]
    source: Mapped[str]
