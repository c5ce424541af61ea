"""The filing of a ticket: the hot path. One statement holds every ticket that arrived while the last one ran, with its
history, its photos, its jobs and its idempotency key; each resident gets an answer of their own."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from app.core import audit, idempotency, telemetry
from app.core.batch import Batch
from app.core.db import Database
from app.core.errors import AppError, Conflict
from app.core.idempotency import Answer, Claim, KeyInFlight
from app.core.ids import new_id
from app.core.principals import Citizen
from app.core.wire import etag
from app.departments.directory import Directory
from app.tickets import queries, workflow
from app.tickets.catalog import Catalog, due
from app.tickets.schemas import Named, NewTicket, PlaceOut, TicketOut
from app.tickets.workflow import AlreadyFiled, Category, DeadlineRule, PlaceNeeded, Status

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: nothing to misread aloud

CODE_TRIES = 3
"""A new code is taken once in a hundred thousand times; then another is drawn."""

COLUMNS = {
    "caller": "text",
    "key": "text",
    "input_hash": "bytea",
    "headers": "text",
    "body": "bytea",
    "id": "uuid",
    "code": "text",
    "citizen_id": "uuid",
    "kind": "text",
    "category_code": "text",
    "severity": "text",
    "description": "text",
    "address": "text",
    "lat": "float8",
    "lon": "float8",
    "area_code": "text",
    "area_approximate": "bool",
    "department_code": "text",
    "routed_by": "text",
    "deadline_rule_code": "text",
    "at": "timestamptz",
    "due_at": "timestamptz",
    "remind_at": "timestamptz",
    "event_id": "uuid",
    "told_job_id": "uuid",
    "deadline_job_id": "uuid",
    "trace": "text",
    "delegate_id": "uuid",
    "entry_id": "uuid",
    "from_address": "text",
    "request_id": "text",
}

FILE_SQL = f"""
WITH input AS (
    SELECT * FROM unnest({", ".join(f"${n}::{kind}[]" for n, kind in enumerate(COLUMNS.values(), 1))})
    AS input({", ".join(COLUMNS)})
), kept AS (
    INSERT INTO idempotency_key (caller, key, input_hash, status, headers, body, created_at)
    SELECT caller, key, input_hash, 201, headers::jsonb, body, at FROM input
    ON CONFLICT DO NOTHING
    RETURNING caller, key
), fresh AS (
    SELECT input.* FROM input JOIN kept USING (caller, key)
), filed AS (
    INSERT INTO ticket (id, code, citizen_id, kind, category_code, severity, status, description, address, lat, lon,
        area_code, area_approximate, department_code, routed_by, deadline_rule_code, filed_at, clock_from, due_at, version)
    SELECT id, code, citizen_id, kind, category_code, severity, 'filed', description, address, lat, lon,
        area_code, area_approximate, department_code, routed_by, deadline_rule_code, at, at, due_at, 1
    FROM fresh
), told AS (
    INSERT INTO ticket_event (ticket_id, id, at, what, actor_kind, delegate_id, note)
    SELECT id, event_id, at, 'filed', 'citizen', delegate_id, '' FROM fresh
), noted AS (
    INSERT INTO audit_entry ({audit.COLUMNS})
    SELECT entry_id, at, 'citizen', delegate_id, citizen_id, citizen_id, 'ticket-filed', 'ticket', id::text, '',
        from_address, request_id, '{{}}' FROM fresh WHERE delegate_id IS NOT NULL
), pictured AS (
    INSERT INTO ticket_photo (ticket_id, photo_id, role)
    SELECT picture.ticket_id, picture.photo_id, 'filed'
    FROM unnest(${len(COLUMNS) + 1}::uuid[], ${len(COLUMNS) + 2}::uuid[]) AS picture(ticket_id, photo_id)
    JOIN fresh ON fresh.id = picture.ticket_id
), queued AS (
    INSERT INTO outbox (id, job, lane, args, due_at, created_at, state, attempt, trace)
    SELECT told_job_id, '{workflow.FILED_JOB.name}', '{workflow.FILED_JOB.lane}',
        jsonb_build_object('ticket_id', id), at, at, 'waiting', 0, trace FROM fresh
    UNION ALL
    SELECT deadline_job_id, '{workflow.DEADLINE_JOB.name}', '{workflow.DEADLINE_JOB.lane}',
        jsonb_build_object('ticket_id', id, 'stage', 'near'), remind_at, at, 'waiting', 0, trace FROM fresh
)
SELECT caller, key FROM kept
"""


class Draft(Struct, frozen=True):
    """One ticket on its way into a statement."""

    claim: Claim
    values: list[Any]
    photo_ids: list[UUID]
    answer: Answer


class Filing:
    """Files tickets; one an API process."""

    def __init__(self, database: Database, directory: Directory, catalog: Catalog) -> None:
        self._database = database
        self._directory = directory
        self._catalog = catalog
        self._batch = Batch(self._write, most=64)
        self._under_way: set[tuple[str, str]] = set()

    async def file(self, citizen: Citizen, new: NewTicket, claim: Claim) -> Answer:
        """File once. Raises Replayed with the first answer for a key seen before, and what is wrong with the input."""
        key = (claim.caller, claim.key)
        if key in self._under_way:
            raise KeyInFlight
        self._under_way.add(key)
        try:
            return await self._file(citizen, new, claim)
        except AppError as wrong:
            seen = await self._seen_before(claim)  # what was filed is filed, whatever has changed since
            raise seen or wrong from None
        finally:
            self._under_way.discard(key)

    async def _file(self, citizen: Citizen, new: NewTicket, claim: Claim) -> Answer:
        if new.photo_ids:
            await queries.check_photos(self._database, citizen.id, new.photo_ids)
        for _ in range(CODE_TRIES):
            try:
                return await self._batch(self._draft(citizen, new, claim))
            except (asyncpg.UniqueViolationError, asyncpg.ForeignKeyViolationError) as wrong:
                broken = str(getattr(wrong, "constraint_name", ""))
                if broken == "ticket_pkey":
                    raise AlreadyFiled(id=str(new.id)) from wrong
                if broken.startswith("ticket_photo_"):
                    raise queries.PhotoUnusable from wrong
                if broken != "ticket_code_key":
                    raise
        raise Conflict

    def _draft(self, citizen: Citizen, new: NewTicket, claim: Claim) -> Draft:
        now = datetime.now(UTC)
        category = self._catalog.category(new.category_code)
        place = self._place(new)
        department, routed_by = self._route(category, place)
        rule = self._catalog.deadline(category.kind, category.severity, "accept")
        out = TicketOut(
            id=new.id or new_id(),
            code=new_code(),
            kind=category.kind,
            category=Named(code=category.code, name=category.name_vi),
            severity=category.severity,
            status=Status.FILED,
            description=new.description,
            address=new.address,
            place=place,
            unit=Named(code=department, name=self._directory.department(department).name_vi),
            routed_by=routed_by,
            filed_at=now,
            due_at=due(self._directory.calendar, rule, now),
            attention=None,
            answer=None,
            answered_at=None,
            reject_code=None,
            rating=None,
            photo_ids=new.photo_ids,
            proof_ids=[],
            version=1,
        )
        return self._row(citizen, out, rule, claim)

    def _place(self, new: NewTicket) -> PlaceOut | None:
        if new.place is None:
            return None
        found = self._directory.locate(new.place.lat, new.place.lon, confirmed=new.place.area_code)
        area = self._directory.area(found.area_code)
        return PlaceOut(
            lat=new.place.lat,
            lon=new.place.lon,
            area=Named(code=area.code, name=area.full_name),
            approximate=found.approximate,
        )

    def _route(self, category: Category, place: PlaceOut | None) -> tuple[str, str]:
        """The unit in charge and why. Raises PlaceNeeded."""
        if place is None and category.kind == workflow.Kind.FIELD:
            raise PlaceNeeded
        if not category.unit.startswith("@"):
            return category.unit, f"category:{category.code} unit:{category.unit}"
        if place is None or place.area is None:
            raise PlaceNeeded
        role = "police" if category.unit == "@WARD_POLICE" else "committee"
        department = self._directory.area_unit(place.area.code, role)
        return department, f"category:{category.code} area:{place.area.code} unit:{role}"

    def _row(self, citizen: Citizen, out: TicketOut, rule: DeadlineRule, claim: Claim) -> Draft:
        answer = idempotency.answer_created(out, f"/v1/citizen/tickets/{out.id}", etag(out.version))
        place, origin = out.place, audit.origin()
        values: list[Any] = [
            claim.caller,
            claim.key,
            claim.input_hash,
            msgspec.json.encode(answer.headers).decode(),  # a list inside a list would be an array of two dimensions
            answer.body,
            out.id,
            out.code,
            citizen.id,
            out.kind,
            out.category.code,
            out.severity,
            out.description,
            out.address,
            place.lat if place else None,
            place.lon if place else None,
            place.area.code if place and place.area else None,
            place.approximate if place else False,
            out.unit.code,
            out.routed_by,
            rule.code,
            out.filed_at,
            out.due_at,
            workflow.remind_at(out.filed_at, out.due_at),
            new_id(),
            new_id(),
            new_id(),
            telemetry.trace_parent(),
            citizen.actor_id,
            new_id(),
            origin.address,
            origin.request_id,
        ]
        return Draft(claim, values, out.photo_ids, answer)

    async def _write(self, drafts: Sequence[Draft]) -> Sequence[Answer | Exception]:
        columns = [list(column) for column in zip(*[draft.values for draft in drafts], strict=True)]
        pairs = [(draft.values[5], photo) for draft in drafts for photo in draft.photo_ids]
        rows = await self._database.hot.fetch(FILE_SQL, *columns, [t for t, _ in pairs], [p for _, p in pairs])
        fresh = {(row["caller"], row["key"]) for row in rows}
        return [
            draft.answer
            if (draft.claim.caller, draft.claim.key) in fresh
            else await self._seen_before(draft.claim) or KeyInFlight()  # whoever held it rolled back just now
            for draft in drafts
        ]

    async def _seen_before(self, claim: Claim) -> Exception | None:
        row = await self._database.hot.fetchrow(
            "SELECT input_hash, status, headers, body FROM idempotency_key WHERE caller = $1 AND key = $2",
            claim.caller,
            claim.key,
        )
        if row is None:
            return None
        return idempotency.again(claim, row["input_hash"], Answer(row["status"], row["headers"], row["body"]))


def new_code() -> str:
    """What a resident can read over the phone: `PA-7K3M-9QXZ`, 40 random bits."""
    drawn = secrets.randbits(40)
    letters = "".join(ALPHABET[drawn >> shift & 31] for shift in range(0, 40, 5))
    return f"PA-{letters[:4]}-{letters[4:]}"
