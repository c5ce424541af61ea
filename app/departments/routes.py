"""Areas, units, the calendar and officers' sign-in over HTTP; what officers ask for is in `routes_officers`."""

from itertools import groupby
from typing import Annotated

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import convert

from app.core import pages
from app.core.door import Db
from app.core.house import House
from app.core.oidc import OidcClient
from app.core.pages import PAGE_MAX, Page
from app.core.sessions import TokensOut
from app.core.sign_ins import BegunOut, Returned
from app.departments import queries, service
from app.departments.directory import Directory
from app.departments.models import OldArea
from app.departments.schemas import (
    AreaNearOut,
    AreaOut,
    AreaSearchOut,
    DepartmentOut,
    OldNameOut,
    Refresh,
    SpecialDayOut,
)

Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)]
Cursor = Annotated[str | None, QueryParameter(max_length=300)]
Words = Annotated[str, QueryParameter(min_length=2, max_length=100)]
Lat = Annotated[float, QueryParameter(ge=-90, le=90)]
Lon = Annotated[float, QueryParameter(ge=-180, le=180)]
Year = Annotated[int, QueryParameter(ge=2020, le=2100)]
TheHouse = NamedDependency[House]
TheDirectory = NamedDependency[Directory]
TheStaff = NamedDependency[OidcClient]


@get("/areas")
async def list_areas(directory: TheDirectory) -> list[AreaOut]:
    """The wards and communes of today, in Vietnamese order."""
    return [convert(area, AreaOut, from_attributes=True) for area in directory.areas()]


@get("/areas/nearest")
async def list_nearest_areas(lat: Lat, lon: Lon, directory: TheDirectory) -> list[AreaNearOut]:
    """The areas a place probably lies in, nearest first: show them and let the resident confirm one."""
    return [
        AreaNearOut(
            area=convert(directory.area(near.area_code), AreaOut, from_attributes=True), distance_m=near.distance_m
        )
        for near in directory.locate(lat, lon).candidates
    ]


@get("/areas/search")
async def search_areas(q: Words, db: Db, directory: TheDirectory) -> AreaSearchOut:
    """Find an area by its name of today or of before 2025-07-01; diacritics are ignored."""
    found = await queries.areas_like(db, q)
    old = await queries.old_areas_like(db, q)
    return AreaSearchOut(
        areas=[convert(area, AreaOut, from_attributes=True) for area in found],
        old_names=[_old_name(list(rows), directory) for _, rows in groupby(old, key=lambda row: row.code)],
    )


@get("/departments")
async def list_departments(db: Db, cursor: Cursor = None, limit: Limit = 50) -> Page[DepartmentOut]:
    """The units of the city, by code."""
    found = await queries.departments(db, cursor, limit)
    return pages.page(
        found, limit, lambda row: [row.code], lambda row: convert(row, DepartmentOut, from_attributes=True)
    )


@get("/departments/{code:str}")
async def get_department(code: FromPath[str], db: Db) -> DepartmentOut:
    """One unit of the city."""
    return convert(await queries.department(db, code), DepartmentOut, from_attributes=True)


@get("/special-days")
async def list_special_days(year: Year, db: Db) -> list[SpecialDayOut]:
    """Public holidays and days worked instead, as deadlines count them."""
    return [convert(day, SpecialDayOut, from_attributes=True) for day in await queries.special_days(db, year)]


@post("/officer-sign-ins", opt={"once_exempt": "remembers a state that only its own return can use"})
async def begin_officer_sign_in(house: TheHouse, staff: TheStaff) -> BegunOut:
    """Begin an officer's sign-in at the city's identity provider."""
    begun = await service.begin(house, staff)
    return BegunOut(url=begun.url, state=begun.state)


@post("/officer-sessions", opt={"once_exempt": "the provider's code and the state work once"})
async def open_officer_session(data: JSONBody[Returned], house: TheHouse, staff: TheStaff) -> TokensOut:
    """Finish an officer's sign-in; two factors are asked for (Law 116/2025)."""
    return await service.finish(house, staff, data)


@post("/officer-session-refreshes", opt={"once_exempt": "a refresh secret used twice at once gives the same successor"})
async def refresh_officer_session(data: JSONBody[Refresh], house: TheHouse) -> TokensOut:
    """New tokens for an officer's session."""
    return await service.refresh(house, data.refresh_token)


def _old_name(rows: list[OldArea], directory: Directory) -> OldNameOut:
    return OldNameOut(
        full_name=rows[0].full_name,
        district=rows[0].district,
        is_split=rows[0].is_split,
        areas=[convert(directory.area(row.area_code), AreaOut, from_attributes=True) for row in rows],
    )


public = [
    list_areas,
    list_nearest_areas,
    search_areas,
    list_departments,
    get_department,
    list_special_days,
    begin_officer_sign_in,
    open_officer_session,
    refresh_officer_session,
]
