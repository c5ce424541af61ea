"""Areas, units and the working calendar, held in memory and read again when they have grown old: every ticket asks them."""

import asyncio
import math
import unicodedata
from datetime import date, timedelta

import msgspec
import structlog
from msgspec import Struct
from sqlalchemy import select

from app.core.db import Database
from app.core.errors import AppError, Text
from app.departments import models
from app.departments.working_time import Calendar, Hours, SpecialDay

log = structlog.get_logger()

MAX_AGE_S = 30.0
CELL = 0.01
"""Degrees: some 1.1 km."""
CITY_EDGE_M = 8_000
"""A place farther than this from every known point of the city is outside of it."""
CANDIDATES = 3
DEGREE_M = 111_320.0
HANOI_COS = math.cos(math.radians(21.0))
DIAGONAL = CELL * math.hypot(1, HANOI_COS)
"""Of a cell, in degrees of latitude."""


class OutsideTheCity(AppError):
    status, code = 422, "outside-the-city"
    title = Text("Vị trí nằm ngoài thành phố", "The place is outside the city")
    detail = Text("Thành phố chỉ xử lý phản ánh trong địa bàn.", "The city handles what lies within its bounds.")


class AreaNotNear(AppError):
    status, code = 422, "area-not-near"
    title = Text("Phường, xã không khớp vị trí", "The ward does not fit the place")
    detail = Text("Chọn một trong: {candidates}.", "Choose one of: {candidates}.")


class Area(Struct, frozen=True):
    code: str
    name: str
    full_name: str
    name_en: str
    kind: str


class Unit(Struct, frozen=True):
    code: str
    name_vi: str
    name_en: str
    kind: str
    area_code: str | None


class Point(Struct, frozen=True):
    area_code: str
    lat: float
    lon: float


class Near(Struct, frozen=True):
    area_code: str
    distance_m: int


class Located(Struct, frozen=True):
    area_code: str
    approximate: bool
    candidates: list[Near]


class Directory:
    """A snapshot; `refresh` replaces it whole."""

    calendar: Calendar

    def __init__(self, database: Database, timezone: str = "Asia/Ho_Chi_Minh") -> None:
        self._database = database
        self._timezone = timezone
        self._areas: dict[str, Area] = {}
        self._units: dict[str, Unit] = {}
        self._area_units: dict[tuple[str, str], str] = {}
        self._points: list[Point] = []
        self._near: dict[tuple[int, int], list[Point]] = {}
        """By cell, the points that can be among the nearest from somewhere in it; as large as the city at most."""

    async def refresh(self) -> None:
        today = date.today()  # noqa: DTZ011
        async with self._database.transaction() as db:
            areas = await db.scalars(select(models.Area).where(models.Area.valid_to.is_(None)))
            self._areas = {row.code: msgspec.convert(row, Area, from_attributes=True) for row in areas}
            units = await db.scalars(select(models.Department))
            self._units = {row.code: msgspec.convert(row, Unit, from_attributes=True) for row in units}
            points = await db.scalars(select(models.AreaPoint))
            self._points = [msgspec.convert(row, Point, from_attributes=True) for row in points]
            hours = await db.scalars(select(models.WorkingHours))
            days = await db.scalars(select(models.SpecialDay))
            self.calendar = Calendar(
                [msgspec.convert(row, Hours, from_attributes=True) for row in hours],
                {row.day: msgspec.convert(row, SpecialDay, from_attributes=True) for row in days},
                today - timedelta(days=400),
                today + timedelta(days=500),
                self._timezone,
            )
        self._area_units = {(u.area_code, u.kind): u.code for u in self._units.values() if u.area_code}
        self._near = {}

    async def keep_fresh(self) -> None:
        """Runs as long as the process: an edit by the city is in force everywhere within MAX_AGE_S."""
        while True:
            await asyncio.sleep(MAX_AGE_S)
            try:
                await self.refresh()
            except Exception as wrong:
                log.warning("directory not refreshed", error=type(wrong).__name__)

    def areas(self) -> list[Area]:
        return sorted(self._areas.values(), key=lambda area: plain(area.name))

    def area(self, code: str) -> Area:
        return self._areas[code]

    def department(self, code: str) -> Unit:
        return self._units[code]

    def find(self, code: str) -> Unit | None:
        """As `department`, for a code that may be of long ago."""
        return self._units.get(code)

    def area_unit(self, area_code: str, kind: str) -> str:
        """The code of an area's `committee` or `police`."""
        return self._area_units[area_code, kind]

    def locate(self, lat: float, lon: float, *, confirmed: str | None = None) -> Located:
        """The area of a place: the one the resident confirmed if it is near, else a guess marked approximate.

        Raises OutsideTheCity, AreaNotNear.
        """
        candidates = self.nearest(lat, lon)
        if not candidates or candidates[0].distance_m > CITY_EDGE_M:
            raise OutsideTheCity
        if confirmed is None:
            return Located(candidates[0].area_code, True, candidates)
        if confirmed not in {near.area_code for near in candidates}:
            raise AreaNotNear(candidates=[self._areas[near.area_code].full_name for near in candidates])
        return Located(confirmed, False, candidates)

    def nearest(self, lat: float, lon: float) -> list[Near]:
        """The nearest areas by their known points, at most CANDIDATES, the nearest first."""
        cell = _cell(lat, lon)
        return _rank(self._near.get(cell) or self._find_near(cell), lat, lon)

    def _find_near(self, cell: tuple[int, int]) -> list[Point]:
        """If the last candidate is d from the middle, then from anywhere in the cell it is within d and half a diagonal;
        so what is farther than d and a whole diagonal from the middle is never among them."""
        lat, lon = (cell[0] + 0.5) * CELL, (cell[1] + 0.5) * CELL
        ranked = _rank(self._points, lat, lon)
        if not ranked:
            return []
        reach = (ranked[-1].distance_m + 1) / DEGREE_M + DIAGONAL
        found = [point for point in self._points if _squared(point, lat, lon) <= reach**2]
        if ranked[0].distance_m <= CITY_EDGE_M + DIAGONAL * DEGREE_M:
            self._near[cell] = found
        return found


def plain(text: str) -> str:
    """Lower case without diacritics: how Vietnamese is searched and sorted (đ is a letter of its own in Unicode)."""
    spread = unicodedata.normalize("NFD", text.lower().replace("đ", "d"))
    return "".join(ch for ch in spread if not unicodedata.combining(ch))


def _cell(lat: float, lon: float) -> tuple[int, int]:
    return math.floor(lat / CELL), math.floor(lon / CELL)


def _squared(point: Point, lat: float, lon: float) -> float:
    """In degrees of latitude."""
    return (point.lat - lat) ** 2 + ((point.lon - lon) * HANOI_COS) ** 2


def _rank(points: list[Point], lat: float, lon: float) -> list[Near]:
    nearest: dict[str, float] = {}
    for point in points:
        squared = _squared(point, lat, lon)
        if squared < nearest.get(point.area_code, math.inf):
            nearest[point.area_code] = squared
    ranked = sorted(nearest.items(), key=lambda item: item[1])[:CANDIDATES]
    return [Near(code, round(math.sqrt(squared) * DEGREE_M)) for code, squared in ranked]
