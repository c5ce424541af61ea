"""The auditor reads the trail of a resident or an officer, and is on it."""

from uuid import UUID

import pytest

from app.core.house import House
from app.core.ids import new_id
from sandbox.phone import Officer
from tests.desk.desk import REASON, entries, look
from tests.make import EVERYWHERE, Make


@pytest.fixture
async def auditor(make: Make) -> Officer:
    return await make.officer(EVERYWHERE, role="auditor")


async def test_the_trail_of_a_resident_and_of_an_officer(make: Make, auditor: Officer) -> None:
    citizen, coordinator = await make.citizen(), await make.officer(EVERYWHERE, role="coordinator")
    for _ in range(3):
        await look(coordinator, f"/accounts/{citizen.id}")
    other = await make.citizen()
    await look(coordinator, f"/accounts/{other.id}")
    first = await look(auditor, f"/trail?account={citizen.id}&limit=2")
    rest = await look(auditor, f"/trail?account={citizen.id}&limit=2&cursor={first['next']}")
    assert [one["action"] for one in rest["items"]] == ["account.opened"]
    assert {one["actor_id"] for one in first["items"] + rest["items"]} == {str(coordinator.id)}
    assert {(one["reason"], one["unit"]) for one in first["items"]} == {(REASON, "TTPVHCC")}
    of_the_officer = await look(auditor, f"/trail?officer={coordinator.id}")
    assert [one["account_id"] for one in of_the_officer["items"]] == [str(other.id), *[str(citizen.id)] * 3]
    both = await look(auditor, f"/trail?officer={coordinator.id}&account={other.id}")
    assert [one["account_id"] for one in both["items"]] == [str(other.id)]


async def test_reading_the_trail_is_on_it(make: Make, auditor: Officer, house: House) -> None:
    citizen, officer = await make.citizen(), await make.officer("SO-XD")
    await look(auditor, f"/trail?account={citizen.id}")
    await look(auditor, f"/trail?officer={officer.id}")
    first, second = await entries(house, auditor)
    assert (first["action"], first["account_id"], first["subject_kind"]) == ("trail.read", citizen.id, "account")
    assert (second["account_id"], second["subject_kind"], second["subject_id"]) == (None, "officer", str(officer.id))
    assert UUID(second["subject_id"]) == officer.id
    assert (await look(auditor, f"/trail?account={citizen.id}"))["items"][0]["action"] == "trail.read"


async def test_residents_whose_entries_are_on_an_officers_page_see_that_they_were_read(
    make: Make, auditor: Officer, house: House
) -> None:
    first, second, unseen = [await make.citizen() for _ in range(3)]
    coordinator = await make.officer(EVERYWHERE, role="coordinator")
    for citizen in (unseen, second, first, first):
        await look(coordinator, f"/accounts/{citizen.id}")
    shown = await look(auditor, f"/trail?officer={coordinator.id}&limit=3")
    assert {one["account_id"] for one in shown["items"]} == {str(first.id), str(second.id)}
    of_the_officer, *told = await entries(house, auditor)
    assert (of_the_officer["subject_kind"], of_the_officer["account_id"]) == ("officer", None)
    assert {(one["account_id"], one["subject_kind"]) for one in told} == {(first.id, "account"), (second.id, "account")}
    assert len(told) == 2
    assert {(one["action"], one["reason"]) for one in told} == {("trail.read", REASON)}
    for citizen, times in ((first, 1), (second, 1), (unseen, 0)):
        trail = (await look(auditor, f"/trail?account={citizen.id}"))["items"]
        assert [one["action"] for one in trail].count("trail.read") == times


async def test_of_an_officer_and_a_resident_both_are_on_the_trail(make: Make, auditor: Officer, house: House) -> None:
    citizen, officer = await make.citizen(), await make.officer("SO-XD")
    await look(auditor, f"/trail?officer={officer.id}&account={citizen.id}")
    kept = [(one["subject_kind"], one["subject_id"], one["account_id"]) for one in await entries(house, auditor)]
    assert kept == [("officer", str(officer.id), None), ("account", str(citizen.id), citizen.id)]


async def test_whose_trail_has_to_be_said(auditor: Officer, house: House) -> None:
    assert (await look(auditor, "/trail", 422))["code"] == "trail-unclear"
    assert (await look(auditor, "/trail?account=nobody", 400))["code"] == "invalid-input"
    assert (await look(auditor, f"/trail?account={new_id()}&cursor=x", 400))["code"] == "bad-cursor"
    assert await entries(house, auditor) == []


async def test_only_the_citys_auditor_reads_it(make: Make) -> None:
    for officer in (
        await make.officer("SO-XD", role="auditor"),
        await make.officer(EVERYWHERE, role="administrator"),
        await make.officer(EVERYWHERE, role="coordinator"),
    ):
        assert (await look(officer, f"/trail?officer={officer.id}", 403))["params"]["act"] == "trail.see"
