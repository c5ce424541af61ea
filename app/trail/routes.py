"""The trail over HTTP: for residents who has looked at their data, for everybody the signed roots."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, QueryParameter

from app.accounts import queries as accounts
from app.core import errors, pages
from app.core.door import Db
from app.core.guards import TheCitizen
from app.core.house import House
from app.core.pages import PAGE_MAX, Page
from app.departments.directory import Directory
from app.trail import queries
from app.trail.rules import By
from app.trail.schemas import AccessOut, DayOut, ProofOut

Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)]
Cursor = Annotated[str | None, QueryParameter(max_length=300)]
Language = Annotated[str, HeaderParameter(name="Accept-Language", max_length=200)]
Kind = Annotated[By | None, QueryParameter()]
Moment = Annotated[datetime | None, QueryParameter()]
TheHouse = NamedDependency[House]
TheDirectory = NamedDependency[Directory]


@get("/me/accesses")
async def list_accesses(
    me: TheCitizen,
    db: Db,
    directory: TheDirectory,
    by: Kind = None,
    since: Moment = None,
    until: Moment = None,
    cursor: Cursor = None,
    limit: Limit = 20,
    accept_language: Language = "vi",
) -> Page[AccessOut]:
    """Who has read or changed my data, newest first: officers, partners, those who act for me. My own acts with `by=self`."""
    found = await queries.accesses(db, me, by, queries.aware(since), queries.aware(until), cursor, limit)
    mine = await accounts.same_person(db, me.id)
    shown = queries.Shown(mine, directory, errors.language_of(accept_language))
    await shown.read(db, found)
    return pages.page(found, limit, lambda entry: [entry.id], shown.of)


@get("/me/accesses/{entry_id:uuid}/proof")
async def download_proof(entry_id: FromPath[UUID], me: TheCitizen, db: Db, house: TheHouse) -> Response[ProofOut]:
    """The proof that an entry is in the sealed trail, to keep and to check without us."""
    out = await queries.proof(db, me, entry_id, house.settings.timezone)
    name = f'attachment; filename="khue-proof-{entry_id}.json"'
    return Response(out, headers={"Content-Disposition": name})


@get("/trail/days")
async def list_trail_days(db: Db, cursor: Cursor = None, limit: Limit = 50) -> Page[DayOut]:
    """The sealed days of the trail with their signed roots, newest first: keep them, and nobody can change the past."""
    found = await queries.days(db, cursor, limit)
    return pages.page(found, limit, lambda row: [row.day], queries.day_shown)


@get("/trail/days/{day:date}")
async def get_trail_day(day: FromPath[date], db: Db) -> DayOut:
    """One sealed day of the trail."""
    return queries.day_shown(await queries.one_day(db, day))


public = [list_trail_days, get_trail_day]
citizen = [list_accesses, download_proof]
