"""The inbox, and pushes as phones get them."""

import httpx2
import pytest

from app.notifications.rules import fill
from sandbox.phone import Officer, Resident, eventually, moments
from tests.make import Make

pytestmark = pytest.mark.usefixtures("worker")


async def test_a_filed_ticket_is_confirmed_in_the_inbox_and_on_the_phone(
    make: Make, citizen: Resident, outside: httpx2.AsyncClient
) -> None:
    token = await citizen.get_phone()
    ticket = await make.ticket(citizen)
    (push,) = await eventually(outside, f"/phones/{token}/messages")
    assert push["notification"]["title"] == f"Đã gửi phản ánh {ticket['code']}"
    assert push["data"] == {"kind": "ticket", "id": ticket["id"], "message_id": push["data"]["message_id"]}
    (message,) = (await citizen.get("/v1/citizen/messages"))["items"]
    assert message["id"] == push["data"]["message_id"]
    assert message["subject"] == {"kind": "ticket", "id": ticket["id"]}
    assert message["body"].startswith("Sở Xây dựng sẽ tiếp nhận trước ")


async def test_each_step_rings_once_on_each_phone(
    make: Make, citizen: Resident, officer: Officer, outside: httpx2.AsyncClient
) -> None:
    tokens = [await citizen.get_phone() for _ in range(2)]
    await make.answered(officer, await make.ticket(citizen))
    for token in tokens:
        found = await eventually(outside, f"/phones/{token}/messages", least=3)
        assert len({one["data"]["message_id"] for one in found}) == len(found) == 3


async def test_messages_speak_the_language_asked_for(make: Make, citizen: Resident) -> None:
    ticket = await make.ticket(citizen)
    async for _ in moments(5):
        page = await citizen.call("GET", "/v1/citizen/messages", status=200, headers={"Accept-Language": "en"})
        if page.json()["items"]:
            break
    assert page.json()["items"][0]["title"] == f"Your ticket {ticket['code']} was filed"


async def test_reading_counts_and_is_remembered(make: Make, citizen: Resident) -> None:
    await make.ticket(citizen)
    async for _ in moments(5):
        if (await citizen.get("/v1/citizen/messages/unread"))["unread"]:
            break
    (message,) = (await citizen.get("/v1/citizen/messages?unread=true"))["items"]
    other = await make.citizen()
    path = f"/v1/citizen/messages/{message['id']}/reads"
    assert (await other.post(path, status=404))["code"] == "no-such-message"
    first = await citizen.post(path)
    assert first["read_at"] == (await citizen.post(path))["read_at"]
    assert (await citizen.get("/v1/citizen/messages/unread"))["unread"] == 0
    assert (await citizen.get("/v1/citizen/messages?unread=true"))["items"] == []
    assert (await citizen.post("/v1/citizen/message-reads"))["unread"] == 0


async def test_a_phone_whose_app_is_gone_is_forgotten_and_the_others_ring(
    make: Make, citizen: Resident, outside: httpx2.AsyncClient
) -> None:
    gone, alive = await citizen.get_phone("gone"), await citizen.get_phone("alive")
    await outside.post(f"/phones/{gone}/uninstalls")
    await make.ticket(citizen)
    await eventually(outside, f"/phones/{alive}/messages")
    async for _ in moments(5):
        if len(await citizen.get("/v1/citizen/devices")) == 1:
            break
    assert [device["name"] for device in await citizen.get("/v1/citizen/devices")] == ["alive"]


async def test_when_fcm_fails_for_a_while_the_push_arrives_once_later(
    make: Make, citizen: Resident, outside: httpx2.AsyncClient, no_faults: None
) -> None:
    token = await citizen.get_phone()
    await outside.put("/faults/fcm", json={"kind": "error", "status": 429, "count": 1})
    await make.ticket(citizen)
    assert len(await eventually(outside, f"/phones/{token}/messages")) == 1


def test_a_template_shows_moments_on_the_citys_clock_and_keeps_unknown_names() -> None:
    params = {"due_at": "2026-11-25T10:00:00+00:00", "code": "PA-1"}
    assert fill("{code}: {due_at} {x}", params, "vi", "Asia/Ho_Chi_Minh") == "PA-1: 17:00 ngày 25/11/2026 {x}"
    assert fill("{due_at}", params, "en", "Asia/Ho_Chi_Minh") == "17:00 on 25 Nov 2026"
