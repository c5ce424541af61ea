"""Reading tickets: one's own, the inbox of a unit, nobody else's."""

import pytest

from app.core import pages
from app.core.ids import new_id
from sandbox.phone import Officer, Resident
from tests.make import Make


async def test_the_ticket_of_another_is_not_there(make: Make, citizen: Resident) -> None:
    ticket = await make.ticket(await make.citizen())
    for path in ("", "/events", "/deadline"):
        assert (await citizen.get(f"/v1/citizen/tickets/{ticket['id']}{path}", status=404))["code"] == "no-such-ticket"
    rating = {"rating": "satisfied"}
    assert (await citizen.post(f"/v1/citizen/tickets/{ticket['id']}/ratings", rating, status=404))[
        "code"
    ] == "no-such-ticket"


async def test_an_unchanged_ticket_is_304(make: Make, citizen: Resident) -> None:
    ticket = await make.ticket(citizen)
    path = f"/v1/citizen/tickets/{ticket['id']}"
    tag = (await citizen.call("GET", path, status=200)).headers["etag"]
    answer = await citizen.call("GET", path, status=304, headers={"If-None-Match": f'"v0", {tag}'})
    assert answer.content == b""
    assert answer.headers["etag"] == tag


async def test_a_walk_over_ones_tickets_sees_each_once_newest_first(make: Make, citizen: Resident) -> None:
    filed = [(await make.ticket(citizen))["id"] for _ in range(7)]
    seen: list[str] = []
    cursor = ""
    while True:
        page = await citizen.get(f"/v1/citizen/tickets?limit=3{cursor}")
        seen += [one["id"] for one in page["items"]]
        if not page.get("next"):
            break
        cursor = f"&cursor={page['next']}"
    assert seen == filed[::-1]


async def test_the_inbox_shows_the_open_tickets_of_the_unit_the_one_due_first_on_top(
    make: Make, citizen: Resident
) -> None:
    officer = await make.officer("UBND-00070")
    mine = [(await make.ticket(citizen, category_code="MT-RAC"))["id"] for _ in range(4)]
    await make.ticket(citizen, category_code="GT-OGM")
    seen: list[dict[str, str]] = []
    cursor = ""
    while True:
        page = await officer.get(f"/v1/officer/tickets?limit=2{cursor}")
        seen += page["items"]
        if not page.get("next"):
            break
        cursor = f"&cursor={page['next']}"
    assert {one["unit"]["code"] for one in seen} == {"UBND-00070"}
    assert set(mine) <= {one["id"] for one in seen}
    assert [one["due_at"] for one in seen] == sorted(one["due_at"] for one in seen)
    assert len({one["id"] for one in seen}) == len(seen)


async def test_an_answered_ticket_leaves_the_inbox(make: Make, citizen: Resident) -> None:
    officer = await make.officer("HAPULICO")
    ticket = await make.ticket(citizen, category_code="HT-CSA")
    assert ticket["id"] in {one["id"] for one in (await officer.get("/v1/officer/tickets"))["items"]}
    await make.answered(officer, ticket)
    assert ticket["id"] not in {one["id"] for one in (await officer.get("/v1/officer/tickets"))["items"]}


async def test_a_cursor_that_is_not_ours_is_refused(citizen: Resident, officer: Officer) -> None:
    for client, path in ((citizen, "/v1/citizen/tickets"), (officer, "/v1/officer/tickets")):
        for cursor in ("nonsense", "W10", "WzFd", "W251bGxd", "\u00e9", "W" * 299):
            assert (await client.get(f"{path}?cursor={cursor}", status=400))["code"] == "bad-cursor"


@pytest.mark.parametrize("at", ["2026-11-20T08:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", ""])
async def test_a_moment_that_is_none_is_no_cursor(officer: Officer, at: str) -> None:
    cursor = pages.cursor_of([at, str(new_id())])
    assert (await officer.get(f"/v1/officer/tickets?cursor={cursor}", status=400))["code"] == "bad-cursor"


async def test_a_page_has_its_limits(citizen: Resident) -> None:
    for limit in ("0", "101", "many"):
        assert (await citizen.get(f"/v1/citizen/tickets?limit={limit}", status=400))["code"] == "invalid-input"


async def test_the_categories_form_a_tree(make: Make) -> None:
    found = await make.nobody().get("/v1/public/categories")
    codes = {one["code"] for one in found}
    assert len(found) == 85
    assert all(one["parent_code"] in codes for one in found if one["parent_code"])
    assert {one["code"] for one in await make.nobody().get("/v1/public/reject-reasons")} >= {"KNTC", "BMNN"}
