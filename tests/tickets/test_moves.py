"""A ticket's life after its filing: accepted, answered with proof, rated; each step on the history."""

import asyncio

import pytest

from sandbox.phone import Client, Officer, Resident
from tests.make import EVERYWHERE, Make


async def test_a_ticket_goes_all_the_way(make: Make, citizen: Resident, officer: Officer) -> None:
    ticket = await make.ticket(citizen)
    accepted = await make.moved(officer, ticket, "accepted", note="Đã xác minh.")
    assert accepted["status"] == "accepted"
    assert accepted["due_at"] > ticket["due_at"]
    await make.moved(officer, ticket, "in_progress")
    proof = await make.photo(officer, "officer")
    answered = await make.act(officer, ticket, "answers", {"text": "Đã sửa xong trong đêm.", "photo_ids": [proof]})
    assert answered["proof_ids"] == [proof]
    assert (await citizen.call("GET", f"/v1/citizen/photos/{proof}", status=200)).headers[
        "content-type"
    ] == "image/jpeg"
    rated = await citizen.post(f"/v1/citizen/tickets/{ticket['id']}/ratings", {"rating": "satisfied"})
    assert rated["rating"] == "satisfied"
    events = await citizen.get(f"/v1/citizen/tickets/{ticket['id']}/events")
    assert [event["what"] for event in events] == ["filed", "accepted", "in_progress", "answered", "rated"]
    assert [event["by"] for event in events] == ["citizen", "officer", "officer", "officer", "citizen"]


async def test_accepting_starts_the_clock_of_the_resolution(make: Make, citizen: Resident, officer: Officer) -> None:
    ticket = await make.ticket(citizen)
    await make.moved(officer, ticket, "accepted")
    deadline = await officer.get(f"/v1/officer/tickets/{ticket['id']}/deadline")
    assert deadline["rule"] == "IH-NORMAL"
    assert "5 ngày làm việc" in deadline["explained_vi"]


@pytest.mark.parametrize(("path", "to"), [([], "in_progress"), (["accepted"], "accepted"), (["accepted"], "rejected")])
async def test_a_move_that_the_workflow_does_not_know_is_refused(
    make: Make, citizen: Resident, officer: Officer, path: list[str], to: str
) -> None:
    ticket = await make.ticket(citizen)
    for step in path:
        await make.moved(officer, ticket, step)
    body = {"to": to, "reject_code": "KRO"}
    assert (await make.act(officer, ticket, "moves", body, status=409))["code"] == "move-refused"


async def test_nobody_moves_a_ticket_to_answered_without_answering(
    make: Make, citizen: Resident, officer: Officer
) -> None:
    ticket = await make.ticket(citizen)
    await make.moved(officer, ticket, "accepted")
    assert (await make.act(officer, ticket, "moves", {"to": "answered"}, status=409))["code"] == "move-refused"


async def test_a_field_ticket_is_not_answered_without_proof(make: Make, citizen: Resident, officer: Officer) -> None:
    ticket = await make.ticket(citizen)
    await make.moved(officer, ticket, "accepted")
    body = {"text": "Đã sửa xong rồi nhé."}
    assert (await make.act(officer, ticket, "answers", body, status=422))["code"] == "proof-missing"


async def test_proof_is_a_photo_of_the_officers_own(make: Make, citizen: Resident, officer: Officer) -> None:
    ticket = await make.ticket(citizen)
    await make.moved(officer, ticket, "accepted")
    body = {"text": "Đã sửa xong rồi nhé.", "photo_ids": [await make.photo(citizen)]}
    assert (await make.act(officer, ticket, "answers", body, status=422))["code"] == "photo-unusable"


async def test_a_refusal_names_its_reason(make: Make, citizen: Resident, officer: Officer) -> None:
    ticket = await make.ticket(citizen)
    assert (await make.act(officer, ticket, "moves", {"to": "rejected"}, status=422))["code"] == "reason-missing"
    refused = await make.moved(officer, ticket, "rejected", reject_code="KNTC", note="Gửi Ban Tiếp công dân.")
    assert refused["reject_code"] == "KNTC"


async def test_an_act_needs_its_right(make: Make, citizen: Resident) -> None:
    ticket = await make.ticket(citizen)
    dispatcher = await make.officer("SO-XD", acts=frozenset({"ticket.see", "ticket.accept"}))
    await make.moved(dispatcher, ticket, "accepted")
    problem = await make.act(dispatcher, ticket, "moves", {"to": "in_progress"}, status=403)
    assert problem["params"]["act"] == "ticket.handle"


async def test_the_coordinator_sees_every_unit(make: Make, citizen: Resident) -> None:
    ticket = await make.ticket(citizen)
    coordinator = await make.officer(EVERYWHERE, role="coordinator")
    assert (await coordinator.get(f"/v1/officer/tickets/{ticket['id']}"))["id"] == ticket["id"]
    assert (await coordinator.get("/v1/officer/tickets?limit=1"))["items"]


async def test_a_ticket_is_rated_once_and_only_when_answered(make: Make, citizen: Resident, officer: Officer) -> None:
    ticket = await make.ticket(citizen)
    path, rating = f"/v1/citizen/tickets/{ticket['id']}/ratings", {"rating": "dissatisfied", "comment": "Chưa sửa."}
    assert (await citizen.post(path, rating, status=409))["code"] == "move-refused"
    await make.answered(officer, ticket)
    await citizen.post(path, rating)
    assert (await citizen.post(path, rating, status=409))["code"] == "move-refused"


async def test_a_move_without_if_match_or_with_a_stale_one_is_refused(
    make: Make, citizen: Resident, officer: Officer
) -> None:
    ticket = await make.ticket(citizen)
    path, body = f"/v1/officer/tickets/{ticket['id']}/moves", {"to": "accepted"}
    assert (await officer.post(path, body, status=428))["code"] == "if-match-needed"
    assert (await officer.post(path, body, status=412, headers={"If-Match": '"v9"'}))["code"] == "stale"
    assert (await officer.post(path, body, status=412, headers={"If-Match": 'W/"v1"'}))["code"] == "stale"


async def test_of_two_officers_at_once_one_wins(make: Make, citizen: Resident, officer: Officer) -> None:
    ticket = await make.ticket(citizen)
    colleague = await make.officer("SO-XD")

    async def accept(who: Client) -> int:
        headers = {"Authorization": f"Bearer {who.token}", "Idempotency-Key": '"x"', "If-Match": '"v1"'}
        path = f"/v1/officer/tickets/{ticket['id']}/moves"
        return (await who.api.post(path, json={"to": "accepted"}, headers=headers)).status_code

    assert sorted(await asyncio.gather(accept(officer), accept(colleague))) == [201, 412]


async def test_the_same_move_sent_twice_is_done_once(make: Make, citizen: Resident, officer: Officer) -> None:
    ticket = await make.ticket(citizen)
    path, headers = f"/v1/officer/tickets/{ticket['id']}/moves", {"If-Match": '"v1"'}
    first = await officer.post(path, {"to": "accepted"}, key="m1", headers=headers)
    again = await officer.call("POST", path, json={"to": "accepted"}, key="m1", headers=headers, status=201)
    assert again.json() == first
    assert again.headers["idempotency-replayed"] == "true"
    assert len(await officer.get(f"/v1/officer/tickets/{ticket['id']}/events")) == 2


async def test_a_refused_move_does_not_use_up_its_key(make: Make, citizen: Resident, officer: Officer) -> None:
    ticket = await make.ticket(citizen)
    path = f"/v1/officer/tickets/{ticket['id']}/moves"
    await officer.post(path, {"to": "accepted"}, key="m2", headers={"If-Match": '"v9"'}, status=412)
    await officer.post(path, {"to": "accepted"}, key="m2", headers={"If-Match": '"v1"'})
