"""The law of a ticket, by itself."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.house import House
from app.tickets import service, workflow
from app.tickets.models import Ticket
from app.tickets.workflow import NEXT, DeadlineRule, Kind, MoveRefused, Severity, Status
from sandbox.phone import Officer, Resident
from tests.make import Make

RULES = [
    DeadlineRule("ACCEPT", "hien_truong", "any", "accept", 8, "working_hours"),
    DeadlineRule("URGENT", "hien_truong", "urgent", "resolve", 4, "working_hours"),
    DeadlineRule("NORMAL", "hien_truong", "normal", "resolve", 5, "working_days"),
    DeadlineRule("TTHC", "tthc", "any", "resolve", 15, "working_days"),
]


@given(st.lists(st.sampled_from(list(Status)), max_size=12))
def test_no_path_of_moves_leaves_the_workflow(wanted: list[Status]) -> None:
    now = Status.FILED
    for to in wanted:
        if to in NEXT[now]:
            workflow.check_move(now, to)
            now = to
        else:
            with pytest.raises(MoveRefused):
                workflow.check_move(now, to)


def test_every_state_is_reachable_and_every_open_state_can_end() -> None:
    reached, waiting = {Status.FILED}, [Status.FILED]
    while waiting:
        for to in NEXT[waiting.pop()] - reached:
            reached.add(to)
            waiting.append(to)
    assert reached == set(Status)
    assert all(NEXT[state] for state in workflow.OPEN)


@pytest.mark.parametrize(
    ("kind", "severity", "stage", "code"),
    [
        (Kind.FIELD, Severity.URGENT, "accept", "ACCEPT"),
        (Kind.FIELD, Severity.URGENT, "resolve", "URGENT"),
        (Kind.WASTE, Severity.NORMAL, "resolve", "NORMAL"),
        (Kind.PROCEDURE, Severity.NORMAL, "resolve", "TTHC"),
        (Kind.PROCEDURE, Severity.NORMAL, "accept", "ACCEPT"),
    ],
)
def test_the_closest_deadline_rule_is_taken(kind: Kind, severity: Severity, stage: str, code: str) -> None:
    found = workflow.deadline_rule(RULES, kind, severity, stage)
    assert found is not None
    assert found.code == code


async def test_the_clock_warns_then_says_overdue_each_once(
    make: Make, citizen: Resident, officer: Officer, house: House
) -> None:
    filed = await make.ticket(citizen)
    path = f"/v1/officer/tickets/{filed['id']}"
    async with house.database.transaction() as db:
        ticket = await db.get_one(Ticket, filed["id"])
        await service.watch(db, ticket.id, "near")
        assert ticket.attention is None  # not yet
        ticket.clock_from = datetime.now(UTC) - timedelta(days=10)
        ticket.due_at = datetime.now(UTC) + timedelta(hours=1)
    for _ in range(2):
        async with house.database.transaction() as db:
            await service.watch(db, ticket.id, "near")
    assert (await officer.get(path))["attention"] == "near"
    async with house.database.transaction() as db:
        (await db.get_one(Ticket, filed["id"])).due_at = datetime.now(UTC) - timedelta(seconds=1)
    for _ in range(2):
        async with house.database.transaction() as db:
            await service.watch(db, ticket.id, "overdue")
    assert (await officer.get(path))["attention"] == "overdue"
    assert [one["what"] for one in await officer.get(f"{path}/events")] == ["filed", "near", "overdue"]
    waiting = await house.database.hot.fetch(
        "SELECT args FROM outbox WHERE job = 'ticket-deadline' AND args->>'ticket_id' = $1", str(ticket.id)
    )
    assert "overdue" in [row["args"]["stage"] for row in waiting]
