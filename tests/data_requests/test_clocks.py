"""The clocks of the law: what is near its end, what is late, what was given more time."""

from datetime import UTC, datetime, timedelta

import pytest

from app.core.house import House
from sandbox.phone import Officer, Resident
from tests.data_requests.clocks import REQUESTS, TO_HANDLE, age, due, told, until, walk

CORRECT = {"kind": "correct", "words": "Tên đệm của tôi bị viết sai: Thị, không phải Thì."}
DONE = {"text": "Đã sửa theo giấy tờ."}
EXTENSION = {"days": 10, "reason": "Cần xác minh với công an phường."}

pytestmark = pytest.mark.usefixtures("worker")


async def test_the_clock_marks_a_first_answer_that_is_late_and_the_resident_is_told(
    citizen: Resident, dpo: Officer, house: House
) -> None:
    made = await citizen.post(REQUESTS, CORRECT)
    await due(house, "data-request-deadline", request_id=made["id"])
    await until(lambda: ran(house, made["id"]))
    assert not (await citizen.get(f"{REQUESTS}/{made['id']}"))["late"], "nothing is late yet"
    later = await citizen.post(REQUESTS, CORRECT)
    await age(house, later["id"], timedelta(days=8))
    await due(house, "data-request-deadline", request_id=later["id"])
    await told(citizen, "Yêu cầu của bạn bị trễ hạn")
    seen = await citizen.get(f"{REQUESTS}/{later['id']}")
    assert seen["late"]
    assert [(one["what"], one["by"]) for one in seen["history"]][-1] == ("late-answer", "house")
    assert next(one for one in await walk(dpo) if one["id"] == later["id"])["late"]


async def test_the_clock_reminds_and_then_marks_as_late_once(citizen: Resident, dpo: Officer, house: House) -> None:
    made = await citizen.post(REQUESTS, CORRECT)
    await dpo.post(f"{TO_HANDLE}/{made['id']}/acknowledgements", DONE)
    await age(house, made["id"], timedelta(days=13))
    await due(house, "data-request-deadline", request_id=made["id"], stage="near")
    await until(lambda: line_says(dpo, made["id"], "near"))
    await age(house, made["id"], timedelta(days=3))
    await due(house, "data-request-deadline", request_id=made["id"], stage="finish")
    await until(lambda: line_says(dpo, made["id"], "late"))
    history = (await citizen.get(f"{REQUESTS}/{made['id']}"))["history"]
    assert [one["what"] for one in history] == ["filed", "acknowledged", "near", "late"]


async def test_both_clocks_can_run_out(citizen: Resident, house: House) -> None:
    made = await citizen.post(REQUESTS, CORRECT)
    await age(house, made["id"], timedelta(days=16))
    await due(house, "data-request-deadline", request_id=made["id"])

    async def history() -> bool:
        found = (await citizen.get(f"{REQUESTS}/{made['id']}"))["history"]
        return {"late-answer", "late"} <= {one["what"] for one in found}

    await until(history)


async def test_the_clock_of_an_extended_request_rings_at_its_new_end(
    citizen: Resident, dpo: Officer, house: House
) -> None:
    made = await citizen.post(REQUESTS, CORRECT)
    await dpo.post(f"{TO_HANDLE}/{made['id']}/acknowledgements", DONE)
    await dpo.post(f"{TO_HANDLE}/{made['id']}/extensions", EXTENSION)
    await age(house, made["id"], timedelta(days=16))
    await due(house, "data-request-deadline", request_id=made["id"])
    await until(lambda: ran(house, made["id"]))
    line = next(one for one in await walk(dpo) if one["id"] == made["id"])
    assert (line["late"], line["overdue"]) == (False, False)
    assert datetime.fromisoformat(line["next_due_at"]) > datetime.now(UTC)


async def ran(house: House, request_id: str) -> bool:
    """No watch on this request is left to run."""
    return not await house.database.hot.fetchval(
        "SELECT count(*) FROM outbox WHERE job = 'data-request-deadline' AND args @> $1 AND due_at <= now()",
        {"request_id": request_id},
    )


async def line_says(dpo: Officer, request_id: str, what: str) -> bool:
    return next(one for one in await walk(dpo) if one["id"] == request_id)[what]
