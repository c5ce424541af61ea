"""From rows to what crosses the wire: names come from the snapshots in memory, not from joins."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from app.core.db import Row
from app.core.wire import etag
from app.departments.directory import Directory
from app.tickets.catalog import Catalog, explain
from app.tickets.models import Ticket, TicketEvent
from app.tickets.schemas import DeadlineOut, EventOut, Named, PlaceOut, TicketOut
from app.tickets.workflow import Attention, Kind, Rating, Severity, Status

Fields = dict[str, Any]


class Views:
    """What turns rows into answers; one an API process."""

    def __init__(self, directory: Directory, catalog: Catalog) -> None:
        self._directory = directory
        self._catalog = catalog

    def of_row(self, row: Row) -> TicketOut:
        """From a hot statement that read `photo_ids` and `proof_ids` along."""
        return self._ticket(row, row["photo_ids"], row["proof_ids"])

    def of(self, ticket: Ticket, photos: dict[UUID, dict[str, list[UUID]]]) -> TicketOut:
        fields = {column.key: getattr(ticket, column.key) for column in Ticket.__table__.columns}
        mine = photos[ticket.id]
        return self._ticket(fields, mine["filed"], mine["proof"])

    def events(self, events: Sequence[TicketEvent], names: Mapping[UUID, str]) -> list[EventOut]:
        """`names` has those delegates whom the reader may know."""
        return [
            EventOut(
                at=one.at,
                what=one.what,
                by="delegate" if one.delegate_id else one.actor_kind,
                delegate=names.get(one.delegate_id) if one.delegate_id else None,
                note=one.note,
            )
            for one in events
        ]

    def deadline(self, ticket: Ticket) -> DeadlineOut:
        rule = self._catalog.rule(ticket.deadline_rule_code)
        calendar = self._directory.calendar
        return DeadlineOut(
            due_at=ticket.due_at,
            rule=rule.code,
            counts_from=ticket.clock_from,
            explained_vi=explain(calendar, rule, ticket.clock_from, "vi"),
            explained_en=explain(calendar, rule, ticket.clock_from, "en"),
        )

    def _ticket(self, row: Row | Fields, photo_ids: list[UUID], proof_ids: list[UUID]) -> TicketOut:
        return TicketOut(
            id=row["id"],
            code=row["code"],
            kind=Kind(row["kind"]),
            category=Named(code=row["category_code"], name=self._catalog.name_of(row["category_code"])),
            severity=Severity(row["severity"]),
            status=Status(row["status"]),
            description=row["description"],
            address=row["address"],
            place=self._place(row),
            unit=Named(code=row["department_code"], name=self._directory.department(row["department_code"]).name_vi),
            routed_by=row["routed_by"],
            filed_at=row["filed_at"],
            due_at=row["due_at"],
            attention=Attention(row["attention"]) if row["attention"] else None,
            answer=row["answer"],
            answered_at=row["answered_at"],
            reject_code=row["reject_code"],
            rating=Rating(row["rating"]) if row["rating"] else None,
            photo_ids=photo_ids,
            proof_ids=proof_ids,
            version=row["version"],
        )

    def _place(self, row: Row | Fields) -> PlaceOut | None:
        if row["lat"] is None:
            return None
        area = self._directory.area(row["area_code"]) if row["area_code"] else None
        return PlaceOut(
            lat=row["lat"],
            lon=row["lon"],
            area=Named(code=area.code, name=area.full_name) if area else None,
            approximate=row["area_approximate"],
        )


def tag_of(out: TicketOut) -> str:
    return etag(out.version)
