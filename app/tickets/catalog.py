"""Categories, deadline rules and reasons, held in memory and read again when they have grown old; when a ticket is due."""

import asyncio
from datetime import datetime, timedelta

import msgspec
import structlog
from sqlalchemy import select

from app.core.db import Database
from app.departments.working_time import Calendar
from app.tickets import models, workflow
from app.tickets.workflow import Category, DeadlineRule, Kind, NoSuchCategory, Severity

log = structlog.get_logger()

MAX_AGE_S = 30.0


class Catalog:
    """A snapshot; `refresh` replaces it whole, so that one request never sees half of a change."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._categories: dict[str, Category] = {}
        self._rules: list[DeadlineRule] = []
        self._reasons: dict[str, models.RejectReason] = {}

    async def refresh(self) -> None:
        async with self._database.transaction() as db:
            categories = await db.scalars(select(models.Category))
            rules = await db.scalars(select(models.DeadlineRule))
            reasons = await db.scalars(select(models.RejectReason))
            self._categories = {row.code: msgspec.convert(row, Category, from_attributes=True) for row in categories}
            self._rules = [msgspec.convert(row, DeadlineRule, from_attributes=True) for row in rules]
            self._reasons = {row.code: row for row in reasons}

    async def keep_fresh(self) -> None:
        """Runs as long as the process: an edit by the city is in force everywhere within MAX_AGE_S."""
        while True:
            await asyncio.sleep(MAX_AGE_S)
            try:
                await self.refresh()
            except Exception as wrong:
                log.warning("catalog not refreshed", error=type(wrong).__name__)

    def categories(self) -> list[Category]:
        return sorted(self._categories.values(), key=lambda category: category.code)

    def reasons(self) -> list[models.RejectReason]:
        return sorted(self._reasons.values(), key=lambda reason: reason.code)

    def category(self, code: str) -> Category:
        """Raises NoSuchCategory."""
        found = self._categories.get(code)
        if found is None:
            raise NoSuchCategory(category=code)
        return found

    def name_of(self, code: str) -> str:
        found = self._categories.get(code)
        return found.name_vi if found else code

    def deadline(self, kind: Kind, severity: Severity, stage: str) -> DeadlineRule:
        found = workflow.deadline_rule(self._rules, kind, severity, stage)
        if found is None:
            raise LookupError(f"no deadline rule for {kind}, {severity}, {stage}: run `khue seed reference`")
        return found

    def rule(self, code: str) -> DeadlineRule:
        return next(rule for rule in self._rules if rule.code == code)


def due(calendar: Calendar, rule: DeadlineRule, start: datetime) -> datetime:
    """The moment the rule's time is over, counted from `start` (QĐ 1207/QĐ-UBND counts working time)."""
    match rule.unit:
        case "working_hours":
            return calendar.add_hours(start, rule.amount)
        case "working_days":
            return calendar.add_days(start, rule.amount)
        case _:
            return start + timedelta(days=rule.amount)


def explain(calendar: Calendar, rule: DeadlineRule, start: datetime, language: str) -> str:
    """The same in a sentence, with the holidays that fell in between."""
    if rule.unit == "working_hours":
        return calendar.explain_hours(start, rule.amount, language)
    return calendar.explain_days(start, rule.amount, language)
