"""Requests about one's own data: clocks, acts, refusals."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.core.house import House
from app.data_requests.rules import EXTENSION_DAYS_MAX, OPEN_MAX
from app.departments.directory import Directory
from sandbox.phone import Officer, Resident
from tests.data_requests.clocks import REQUESTS, TO_HANDLE, age, told, walk
from tests.desk.desk import REASON, entries, look
from tests.make import Make

CORRECT = {"kind": "correct", "words": "Tên đệm của tôi bị viết sai: Thị, không phải Thì."}
DONE = {"text": "Đã sửa theo giấy tờ."}
REFUSAL = {"ground": "no-such-data", "text": "Thành phố không lưu dữ liệu này."}
EXTENSION = {"days": 10, "reason": "Cần xác minh với công an phường."}


async def test_both_clocks_run_from_the_filing(citizen: Resident, house: House) -> None:
    made = await citizen.post(REQUESTS, CORRECT)
    directory = Directory(house.database)
    await directory.refresh()
    filed = datetime.fromisoformat(made["filed_at"])
    assert datetime.fromisoformat(made["answer_due_at"]) == directory.calendar.add_days(filed, 2)
    assert datetime.fromisoformat(made["due_at"]) == filed + timedelta(days=15)
    assert (made["status"], made["words"], made["extended"]) == ("filed", CORRECT["words"], False)
    assert await citizen.get(f"{REQUESTS}/{made['id']}") == made
    (line,) = (await citizen.get(REQUESTS))["items"]
    assert (line["id"], line["answer_due_at"], line["due_at"]) == (made["id"], made["answer_due_at"], made["due_at"])
    message = await told(citizen, "Đã nhận yêu cầu về dữ liệu cá nhân")
    assert message["subject"] == {"kind": "data-request", "id": made["id"]}
    assert "chỉnh sửa dữ liệu cá nhân" in message["body"]


@pytest.mark.parametrize("kind", ["see", "correct", "object", "restrict"])
async def test_who_does_not_say_what_is_asked_to(citizen: Resident, kind: str) -> None:
    assert (await citizen.post(REQUESTS, {"kind": kind}, status=422))["code"] == "data-request-words-needed"
    await citizen.post(REQUESTS, {"kind": kind, "words": "Dữ liệu về vị trí của tôi."})


async def test_what_is_written_is_sealed(citizen: Resident, house: House) -> None:
    made = await citizen.post(REQUESTS, CORRECT)
    sealed = await house.database.hot.fetchval("SELECT words_sealed FROM data_request WHERE id = $1", UUID(made["id"]))
    assert sealed.startswith(b"p:")
    assert "Tên đệm".encode() not in sealed


async def test_a_request_goes_its_way_and_each_step_is_told(citizen: Resident, dpo: Officer) -> None:
    made = await citizen.post(REQUESTS, CORRECT)
    path = f"{TO_HANDLE}/{made['id']}"
    said = await dpo.post(f"{path}/acknowledgements", {"text": "Chúng tôi đang đối chiếu giấy tờ."})
    assert said["status"] == "acknowledged"
    await told(citizen, "Yêu cầu của bạn đang được giải quyết")
    await dpo.post(f"{path}/completions", DONE)
    await told(citizen, "Yêu cầu của bạn đã hoàn tất")
    seen = await citizen.get(f"{REQUESTS}/{made['id']}")
    assert [(one["what"], one["by"]) for one in seen["history"]] == [
        ("filed", "citizen"),
        ("acknowledged", "officer"),
        ("completed", "officer"),
    ]
    assert seen["history"][-1]["note"] == DONE["text"]
    assert seen["answered_at"] < seen["ended_at"]


async def test_every_step_is_on_the_trail_with_who_took_it(citizen: Resident, dpo: Officer, house: House) -> None:
    made = await citizen.post(REQUESTS, CORRECT)
    path = f"{TO_HANDLE}/{made['id']}"
    await dpo.post(f"{path}/acknowledgements", DONE)
    await dpo.post(f"{path}/extensions", EXTENSION)
    await dpo.post(f"{path}/refusals", REFUSAL)
    rows = await house.database.hot.fetch("SELECT * FROM audit_entry WHERE subject_id = $1 ORDER BY id", made["id"])
    assert [(row["action"], row["actor_kind"], row["unit"]) for row in rows] == [
        ("data-request.filed", "citizen", ""),
        ("data-request.acknowledged", "officer", "TTPVHCC"),
        ("data-request.extended", "officer", "TTPVHCC"),
        ("data-request.refused", "officer", "TTPVHCC"),
    ]
    account = UUID((await citizen.get("/v1/citizen/me"))["id"])
    assert {(row["account_id"], row["facts"]["kind"]) for row in rows} == {(account, "correct")}
    assert all(row["request_id"] and row["address"] for row in rows)


async def test_what_has_ended_moves_no_more(citizen: Resident, dpo: Officer) -> None:
    made = await citizen.post(REQUESTS, CORRECT)
    path = f"{TO_HANDLE}/{made['id']}"
    await dpo.post(f"{path}/completions", DONE)
    for act, body in (("acknowledgements", DONE), ("completions", DONE), ("refusals", REFUSAL)):
        assert (await dpo.post(f"{path}/{act}", body, status=409))["code"] == "data-request-refuses"
    assert (await dpo.post(f"{path}/extensions", EXTENSION, status=409))["code"] == "extension-refused"
    assert (await citizen.post(f"{REQUESTS}/{made['id']}/cancellations", status=409))["code"] == "data-request-refuses"


async def test_it_is_extended_once_and_the_reason_is_told(citizen: Resident, dpo: Officer) -> None:
    made = await citizen.post(REQUESTS, CORRECT)
    path = f"{TO_HANDLE}/{made['id']}/extensions"
    too_long = EXTENSION | {"days": EXTENSION_DAYS_MAX + 1}
    assert (await dpo.post(path, too_long, status=400))["code"] == "invalid-input"
    assert (await dpo.post(path, {"days": 3}, status=400))["code"] == "invalid-input"
    longer = await dpo.post(path, EXTENSION)
    moved = datetime.fromisoformat(longer["due_at"]) - datetime.fromisoformat(made["due_at"])
    assert (moved, longer["extended"]) == (timedelta(days=10), True)
    assert EXTENSION["reason"] in (await told(citizen, "Yêu cầu của bạn cần thêm thời gian"))["body"]
    assert (await dpo.post(path, EXTENSION, status=409))["code"] == "extension-refused"


async def test_of_two_extensions_at_once_one_counts(citizen: Resident, dpo: Officer) -> None:
    made = await citizen.post(REQUESTS, CORRECT)
    headers = {"Authorization": f"Bearer {dpo.token}"}
    answers = await asyncio.gather(
        *(
            dpo.api.post(
                f"{TO_HANDLE}/{made['id']}/extensions", json=EXTENSION, headers=headers | {"Idempotency-Key": f'"e{n}"'}
            )
            for n in range(2)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]


async def test_what_is_overdue_is_not_extended(citizen: Resident, dpo: Officer, house: House) -> None:
    made = await citizen.post(REQUESTS, CORRECT)
    await age(house, made["id"], timedelta(days=16))
    problem = await dpo.post(f"{TO_HANDLE}/{made['id']}/extensions", EXTENSION, status=409)
    assert problem["code"] == "extension-refused"


async def test_a_refusal_names_a_ground_of_the_law(citizen: Resident, dpo: Officer) -> None:
    made = await citizen.post(REQUESTS, CORRECT)
    path = f"{TO_HANDLE}/{made['id']}/refusals"
    await dpo.post(path, REFUSAL | {"ground": "busy"}, status=400)
    await dpo.post(path, REFUSAL)
    seen = await citizen.get(f"{REQUESTS}/{made['id']}")
    assert (seen["status"], seen["ground"], seen["history"][-1]["note"]) == (
        "refused",
        "no-such-data",
        REFUSAL["text"],
    )
    assert "thành phố không có dữ liệu" in (await told(citizen, "Yêu cầu của bạn không được chấp nhận"))["body"]


async def test_somebody_elses_request_is_not_there(make: Make, citizen: Resident) -> None:
    made = await citizen.post(REQUESTS, CORRECT)
    other = await make.citizen()
    assert (await other.get(f"{REQUESTS}/{made['id']}", status=404))["code"] == "no-such-data-request"
    await other.post(f"{REQUESTS}/{made['id']}/cancellations", status=404)
    await other.call("GET", f"{REQUESTS}/{made['id']}/export", status=404)
    assert (await other.get(REQUESTS))["items"] == []


async def test_only_the_officer_in_charge_handles_requests(make: Make, citizen: Resident) -> None:
    made = await citizen.post(REQUESTS, CORRECT)
    officer = await make.officer("SO-XD")
    for path in (TO_HANDLE, f"{TO_HANDLE}/{made['id']}"):
        assert (await officer.get(path, status=403))["params"]["act"] == "data-request.handle"
    for act, body in (
        ("acknowledgements", DONE),
        ("extensions", EXTENSION),
        ("completions", DONE),
        ("refusals", REFUSAL),
    ):
        await officer.post(f"{TO_HANDLE}/{made['id']}/{act}", body, status=403)


async def test_the_role_has_the_act(house: House) -> None:
    roles = await house.database.hot.fetch("SELECT role_code FROM role_act WHERE act = 'data-request.handle'")
    assert {row["role_code"] for row in roles} >= {"data-protection"}


async def test_an_officer_who_opens_a_request_is_on_the_trail_and_the_list_says_nothing_of_its_words(
    citizen: Resident, dpo: Officer, house: House
) -> None:
    made = await citizen.post(REQUESTS, CORRECT)
    opened = await look(dpo, f"/data-requests/{made['id']}")
    assert opened["request"]["words"] == CORRECT["words"]
    assert opened["full_name"] == "Nguyễn Văn An"
    row = await house.database.hot.fetchrow(
        "SELECT * FROM audit_entry WHERE subject_id = $1 AND action = 'data-request.read'", made["id"]
    )
    assert row is not None
    assert (row["actor_kind"], str(row["account_id"])) == ("officer", opened["account_id"])
    assert row["reason"] == REASON
    listed = await dpo.call("GET", f"{TO_HANDLE}?limit=100", status=200)
    assert "Tên đệm" not in listed.text


async def test_without_a_reason_no_request_is_opened(citizen: Resident, dpo: Officer, house: House) -> None:
    made = await citizen.post(REQUESTS, CORRECT)
    assert (await dpo.get(f"{TO_HANDLE}/{made['id']}", status=422))["code"] == "reason-needed"
    assert await entries(house, dpo) == []


@pytest.mark.parametrize(
    ("act", "body"),
    [("acknowledgements", DONE), ("extensions", EXTENSION), ("completions", DONE), ("refusals", REFUSAL)],
)
async def test_what_an_officer_does_is_answered_and_kept_without_anybodys_words(
    citizen: Resident, dpo: Officer, house: House, act: str, body: dict[str, Any]
) -> None:
    made = await citizen.post(REQUESTS, CORRECT)
    said = await dpo.post(f"{TO_HANDLE}/{made['id']}/{act}", body, key="a1")
    assert not {"words", "history"} & said.keys()
    kept = await house.database.hot.fetchval("SELECT body FROM idempotency_key WHERE caller = $1", str(dpo.id))
    for words in (CORRECT["words"], *(text for text in body.values() if isinstance(text, str) and " " in text)):
        assert words.encode() not in kept
    assert await dpo.post(f"{TO_HANDLE}/{made['id']}/{act}", body, key="a1") == said


async def test_the_list_of_work_is_ordered_by_what_is_due_next(make: Make, dpo: Officer, house: House) -> None:
    made = [(await (await make.citizen()).post(REQUESTS, CORRECT))["id"] for _ in range(4)]
    await age(house, made[1], timedelta(days=10))
    await dpo.post(f"{TO_HANDLE}/{made[2]}/acknowledgements", DONE)
    await dpo.post(f"{TO_HANDLE}/{made[3]}/completions", DONE)
    found = await walk(dpo)
    assert [one["next_due_at"] for one in found] == sorted(one["next_due_at"] for one in found)
    mine = [one for one in found if one["id"] in made]
    assert [one["id"] for one in mine] == [made[1], made[0], made[2]]
    assert [one["overdue"] for one in mine] == [True, False, False]
    overdue = [one["id"] for one in await walk(dpo, "&overdue=true")]
    assert made[1] in overdue
    assert not {made[0], made[2]} & set(overdue)


async def test_so_many_may_be_open_at_once(citizen: Resident) -> None:
    made = [await citizen.post(REQUESTS, CORRECT) for _ in range(OPEN_MAX)]
    problem = await citizen.post(REQUESTS, CORRECT, status=409)
    assert problem["code"] == "data-requests-too-many"
    await citizen.post(REQUESTS, {"kind": "export"})
    for one in made[:2]:
        assert (await citizen.post(f"{REQUESTS}/{one['id']}/cancellations"))["answered_at"] is None
    await citizen.post(REQUESTS, CORRECT)


async def test_a_request_is_taken_back_while_it_is_open(citizen: Resident, dpo: Officer) -> None:
    made = await citizen.post(REQUESTS, CORRECT)
    assert (await citizen.post(f"{REQUESTS}/{made['id']}/cancellations"))["status"] == "cancelled"
    assert (await dpo.post(f"{TO_HANDLE}/{made['id']}/completions", DONE, status=409))["params"]["now"] == "cancelled"


async def test_the_same_request_sent_twice_is_one(citizen: Resident) -> None:
    first = await citizen.post(REQUESTS, CORRECT, key="r1")
    assert await citizen.post(REQUESTS, CORRECT, key="r1") == first
    assert len((await citizen.get(REQUESTS))["items"]) == 1


async def test_nobody_asks_for_somebody_else(make: Make, citizen: Resident) -> None:
    other = (await (await make.citizen()).get("/v1/citizen/me"))["id"]
    problem = await citizen.post(REQUESTS, CORRECT, status=403, headers={"X-On-Behalf-Of": other})
    assert problem["code"] == "not-on-behalf"


@pytest.mark.parametrize(
    "body", [{}, {"kind": "forget"}, CORRECT | {"words": "x" * 2001}, CORRECT | {"account_id": "x"}]
)
async def test_bad_input_is_refused(citizen: Resident, body: dict[str, Any]) -> None:
    assert (await citizen.post(REQUESTS, body, status=400))["code"] == "invalid-input"
    assert (await citizen.get(REQUESTS))["items"] == []
