"""What every step of a request has in common: its state, its history, the trail, the word to the resident."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core import audit
from app.core.ids import new_id
from app.core.person_keys import Person
from app.core.principals import Nobody, Officer, Principal
from app.data_requests import rules
from app.data_requests.models import DataRequest, DataRequestEvent
from app.data_requests.rules import NOTE, OPEN, SPOKEN, Kind, Status
from app.notifications import service as notifications

SUBJECT = "data-request"


def step(
    db: AsyncSession, request: DataRequest, to: Status, who: Principal, person: Person | None = None, note: str = ""
) -> None:
    """Bring a locked request into its next state. Raises RequestRefuses."""
    rules.check_step(Status(request.status), to)
    now = datetime.now(UTC)
    request.status = to
    if to != Status.CANCELLED:
        request.answered_at = request.answered_at or now
    if to not in OPEN:
        request.ended_at = now
    request.next_due_at = rules.next_due(to, request.answer_due_at, request.due_at)
    append(db, request, to, who, person, note)


def append(
    db: AsyncSession, request: DataRequest, what: str, who: Principal, person: Person | None = None, note: str = ""
) -> None:
    """One line of the history, and the same on the trail without its words."""
    request.version += 1
    db.add(
        DataRequestEvent(
            request_id=request.id,
            id=new_id(),
            at=datetime.now(UTC),
            what=what,
            actor_kind="house" if isinstance(who, Nobody) else audit.kind_of(who),
            officer_id=who.id if isinstance(who, Officer) else None,
            note_sealed=person.encrypt(NOTE, note) if person and note else None,
        )
    )
    audit.record(
        db, who, f"data-request.{what}", SUBJECT, request.id, account_id=request.account_id, kind=str(request.kind)
    )


async def tell(db: AsyncSession, request: DataRequest, template: str, **params: Any) -> None:
    """The resident, once for each template and due time."""
    kind = SPOKEN[Kind(request.kind)]
    await notifications.tell(
        db,
        request.account_id,
        f"data-request-{template}",
        subject_kind=SUBJECT,
        subject_id=request.id,
        once=request.due_at.isoformat(),
        kind_vi=kind.vi,
        kind_en=kind.en,
        answer_due_at=request.answer_due_at.isoformat(),
        due_at=request.due_at.isoformat(),
        **params,
    )
