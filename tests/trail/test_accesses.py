"""What a resident sees of who looked at their data."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.core.ids import new_id
from app.core.principals import Citizen, Nobody, Partner
from tests.trail.conftest import PATH, Town, id_of, opened


async def test_an_access_by_an_officer_is_shown_in_words(town: Town) -> None:
    citizen, officer = await town.make.citizen(), await town.make.officer("SO-XD")
    officer_id = UUID((await officer.get("/v1/officer/me"))["id"])
    entry = await opened(town, citizen, actor_id=officer_id)
    (shown,) = (await citizen.get(PATH))["items"]
    assert (shown["id"], shown["by"], shown["reason"]) == (entry, "officer", "gọi lại theo yêu cầu")
    assert shown["words"] == "Xem hồ sơ tài khoản của bạn (các số đã che bớt)"
    assert shown["units"] == [{"code": "SO-XD", "name": "Sở Xây dựng"}]
    assert shown["roles"] == ["Cán bộ xử lý"]
    assert shown["officer_code"] == f"CB-{officer_id.hex[-8:].upper()}"
    assert "Trần Thị Bình" not in json.dumps(shown, ensure_ascii=False)
    assert "10.1.2.3" not in json.dumps(shown)


async def test_the_words_are_english_for_who_asks_for_them(town: Town) -> None:
    citizen = await town.make.citizen()
    await opened(town, citizen)
    answer = await citizen.call("GET", PATH, status=200, headers={"Accept-Language": "en"})
    (shown,) = answer.json()["items"]
    assert shown["words"] == "Opened your account (numbers masked)"
    assert shown["subject"]["words"] == "account"


async def test_an_action_without_words_is_still_readable(town: Town) -> None:
    citizen = await town.make.citizen()
    await opened(town, citizen, action="future.thing", subject_kind="gadget", unit="GONE")
    (shown,) = (await citizen.get(PATH))["items"]
    assert shown["words"] == "Đã xem hoặc thay đổi dữ liệu của bạn (future.thing)"
    assert shown["subject"]["words"] == "gadget"
    assert shown["units"] == [{"code": "GONE", "name": "GONE"}]


async def test_what_officers_do_with_a_ticket_is_shown_to_its_sender(town: Town) -> None:
    citizen, officer = await town.make.citizen(), await town.make.officer("SO-XD")
    ticket = await town.make.ticket(citizen, photo_ids=[await town.make.photo(citizen)])
    await officer.get(f"/v1/officer/tickets/{ticket['id']}")
    await officer.get(f"/v1/officer/tickets/{ticket['id']}/events")
    await officer.call("GET", f"/v1/officer/photos/{ticket['photo_ids'][0]}", status=200)
    await town.make.answered(officer, ticket)
    shown = (await citizen.get(PATH))["items"]
    assert [one["action"] for one in shown if one["action"] != "ticket.opened"] == [
        "ticket.answered",
        "ticket.moved",
        "ticket.photo-opened",
        "ticket.history-opened",
    ]
    assert shown[-1]["action"] == "ticket.opened"
    assert shown[-1]["words"] == "Xem phản ánh của bạn"
    assert shown[-1]["subject"] == {"kind": "ticket", "id": ticket["id"], "words": f"phản ánh {ticket['code']}"}
    assert {unit["code"] for one in shown for unit in one["units"]} == {"SO-XD"}


async def test_a_ticket_in_an_officers_list_is_shown_once_a_day(town: Town) -> None:
    citizen = await town.make.citizen()
    officer, colleague = await town.make.officer("SO-XD"), await town.make.officer("SO-XD")
    tickets = [await town.make.ticket(citizen) for _ in range(2)]
    for _ in range(2):
        listed = (await officer.get("/v1/officer/tickets?limit=100"))["items"]
        assert {ticket["id"] for ticket in tickets} <= {one["id"] for one in listed}
    shown = (await citizen.get(PATH))["items"]
    assert sorted(one["subject"]["id"] for one in shown) == sorted(ticket["id"] for ticket in tickets)
    assert {(one["action"], one["words"]) for one in shown} == {
        ("ticket.listed", "Thấy phản ánh của bạn trong danh sách việc cần xử lý")
    }
    await colleague.get("/v1/officer/tickets?limit=100")
    assert len((await citizen.get(PATH))["items"]) == 4


async def test_what_was_not_on_the_page_leaves_no_entry(town: Town) -> None:
    citizen, officer = await town.make.citizen(), await town.make.officer("SO-XD")
    await town.make.ticket(await town.make.citizen())
    await town.make.ticket(citizen)
    page = await officer.get("/v1/officer/tickets?limit=1")
    mine = (await citizen.get(PATH))["items"]
    assert page["next"]
    assert not mine


async def test_what_an_officer_may_not_see_leaves_no_entry(town: Town) -> None:
    citizen, stranger = await town.make.citizen(), await town.make.officer("SO-YT")
    ticket = await town.make.ticket(citizen)
    await stranger.get(f"/v1/officer/tickets/{ticket['id']}", status=404)
    await stranger.get(f"/v1/officer/tickets/{ticket['id']}/events", status=404)
    assert (await citizen.get(PATH))["items"] == []


async def test_partners_and_delegates_are_shown_and_told_apart(town: Town) -> None:
    citizen, daughter, hospital = await town.make.citizen(), new_id(), new_id()
    me = await id_of(citizen)
    await town.happens(Partner(hospital, frozenset()), "health.read", account_id=me)
    await town.happens(Citizen(me, new_id(), 1, actor_id=daughter), "consent.granted", account_id=me)
    await town.happens(Citizen(me, new_id(), 1), "signed-in", account_id=me)
    await town.happens(Nobody(), "state-changed", account_id=me)
    shown = (await citizen.get(PATH))["items"]
    assert [(one["by"], one["actor_id"]) for one in shown] == [("delegate", str(daughter)), ("partner", str(hospital))]
    for by, many in (("delegate", 1), ("partner", 1), ("officer", 0), ("self", 1)):
        found = (await citizen.get(f"{PATH}?by={by}"))["items"]
        assert [one["by"] for one in found] == [by] * many
    await citizen.get(f"{PATH}?by=nobody", status=400)


async def test_accesses_go_newest_first_page_by_page_and_by_time(town: Town) -> None:
    citizen = await town.make.citizen()
    long_ago = datetime.now(UTC) - timedelta(days=400)
    entries = [await opened(town, citizen, at=long_ago + timedelta(days=number)) for number in range(5)]
    seen: list[str] = []
    cursor = ""
    while True:
        page = await citizen.get(f"{PATH}?limit=2{cursor}")
        seen += [one["id"] for one in page["items"]]
        if not page.get("next"):
            break
        cursor = f"&cursor={page['next']}"
    assert seen == entries[::-1]
    window = {"since": (long_ago + timedelta(days=1)).isoformat(), "until": (long_ago + timedelta(days=3)).isoformat()}
    answer = await citizen.call("GET", PATH, status=200, params=window)
    assert [one["id"] for one in answer.json()["items"]] == [entries[2], entries[1]]
    naive = {"since": (long_ago + timedelta(days=4)).replace(tzinfo=None).isoformat()}
    assert len((await citizen.call("GET", PATH, status=200, params=naive)).json()["items"]) == 1


async def test_nobody_sees_what_was_done_to_others(town: Town) -> None:
    citizen, other = await town.make.citizen(), await town.make.citizen()
    entry = await opened(town, citizen)
    await town.pass_day()
    assert (await other.get(PATH))["items"] == []
    assert (await other.get(f"{PATH}/{entry}/proof", status=404))["code"] == "no-such-access"
    assert (await other.get(f"{PATH}/{new_id()}/proof", status=404))["code"] == "no-such-access"


async def test_what_was_done_to_an_account_that_was_merged_is_shown_to_its_heir(town: Town) -> None:
    old, heir = await town.make.citizen(), await town.make.citizen()
    entry = await opened(town, old)
    await town.tamper(f"UPDATE account SET merged_into = '{await id_of(heir)}' WHERE id = '{await id_of(old)}'")
    await town.pass_day()
    assert [one["id"] for one in (await heir.get(PATH))["items"]] == [entry]
    await heir.get(f"{PATH}/{entry}/proof")
