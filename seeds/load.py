"""Loads the reference data. Idempotent; what the city may have edited since is left alone unless told otherwise."""

import csv
from collections.abc import Callable
from datetime import date, datetime, time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import holidays
from msgspec import Struct
from sqlalchemy import inspect
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.consents import models as consents
from app.core.db import Base, Database
from app.departments import models as departments
from app.departments.directory import plain
from app.notifications.models import Template
from app.tickets import models as tickets
from app.trail.models import TrailWord

FOLDER = Path(__file__).parent / "reference"
YEARS = range(2025, 2029)
CHUNK = 500

Row = dict[str, Any]


class Source(Struct, frozen=True):
    """One CSV and the table it fills."""

    file: str
    table: type[Base]
    read: Callable[[Row], Row] = lambda row: row
    editable: bool = False
    """The city edits these rows; loading again adds what is missing and changes nothing."""
    insert_only: bool = False
    """Nobody edits these rows; what changes is a new row."""


def _area(row: Row) -> Row:
    del row["source"]
    return row | {
        "lat": float(row["lat"]),
        "lon": float(row["lon"]),
        "valid_from": date.fromisoformat(row["valid_from"]),
        "search_key": plain(row["full_name"]),
    }


def _old_area(row: Row) -> Row:
    return row | {
        "is_split": row["is_split"] == "1",
        "is_default": row["is_default"] == "1",
        "search_key": plain(f"{row['full_name']} {row['district']}"),
    }


def _department(row: Row) -> Row:
    return row | {
        "valid_from": date(2025, 7, 1),
        "parent_code": row["parent_code"] or None,
        "area_code": row["area_code"] or None,
    }


def _purpose_version(row: Row) -> Row:
    return row | {
        "version": int(row["version"]),
        "effective_from": datetime.fromisoformat(row["effective_from"]),
        "widens": row["widens"] == "1",
        "data_classes": row["data_classes"].split(),
        "lasts_days": int(row["lasts_days"]) if row["lasts_days"] else None,
    }


SOURCES = [
    Source("areas", departments.Area, _area),
    Source(
        "area_points", departments.AreaPoint, lambda row: row | {"lat": float(row["lat"]), "lon": float(row["lon"])}
    ),
    Source("old_areas", departments.OldArea, _old_area),
    Source("departments", departments.Department, _department),
    Source("roles", departments.Role),
    Source("role_acts", departments.RoleAct, editable=True),
    Source(
        "working_hours",
        departments.WorkingHours,
        lambda row: (
            row
            | {
                "weekday": int(row["weekday"]),
                "starts": time.fromisoformat(row["starts"]),
                "ends": time.fromisoformat(row["ends"]),
            }
        ),
        editable=True,
    ),
    Source(
        "categories", tickets.Category, lambda row: row | {"parent_code": row["parent_code"] or None}, editable=True
    ),
    Source("deadline_rules", tickets.DeadlineRule, lambda row: row | {"amount": int(row["amount"])}, editable=True),
    Source("reject_reasons", tickets.RejectReason),
    Source("templates", Template, editable=True),
    Source("purposes", consents.Purpose, lambda row: row | {"needs_recipient": row["needs_recipient"] == "1"}),
    Source("purpose_versions", consents.PurposeVersion, _purpose_version, insert_only=True),
    Source("trail_words", TrailWord, editable=True),
]


async def load(database: Database, *, overwrite: bool = False) -> dict[str, int]:
    """Load everything in one transaction; rows by table."""
    loaded: dict[str, int] = {}
    async with database.transaction() as db:
        for source in SOURCES:
            rows = [source.read(dict(row)) for row in read(source.file)]
            await put(db, source.table, rows, update=not source.insert_only and (overwrite or not source.editable))
            loaded[source.table.__tablename__] = len(rows)
        days = special_days()
        await put(db, departments.SpecialDay, days, update=overwrite)
        loaded["special_day"] = len(days)
    return loaded


def read(name: str) -> list[Row]:
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def special_days() -> list[Row]:
    """Vietnam's public holidays, and the Saturdays worked instead, as the package `holidays` knows them."""
    vietnam = holidays.country_holidays("VN", years=YEARS, language="vi")
    source = f"holidays {version('holidays')}"
    off = [{"day": day, "working": False, "name": name, "source": source} for day, name in sorted(vietnam.items())]
    worked = [day for day in sorted(vietnam.weekend_workdays) if day.year in YEARS]
    return off + [{"day": day, "working": True, "name": "Làm bù", "source": source} for day in worked]


async def put(db: AsyncSession, table: type[Base], rows: list[Row], *, update: bool) -> None:
    """Insert what is not there; with `update`, make what is there the same."""
    keys = [column.name for column in inspect(table).primary_key]
    for start in range(0, len(rows), CHUNK):
        made = insert(table).values(rows[start : start + CHUNK])
        changed = {name: made.excluded[name] for name in rows[0] if name not in keys}
        if update and changed:
            made = made.on_conflict_do_update(index_elements=keys, set_=changed)
        else:
            made = made.on_conflict_do_nothing()
        await db.execute(made)
