"""A guardian acts for a child, as long as the population registry says so and the child is under 18."""

import asyncio
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.delegations.conftest import CARERS, DELEGATIONS, GUARDIANS, Town, id_of, on_behalf, stored
from tests.make import Make

TICKETS = "/v1/citizen/tickets"
Do = Callable[..., Any]


async def test_a_parent_acts_for_a_child_whose_own_eid_later_opens_that_very_account(make: Make, town: Town) -> None:
    mother = await town.adult()
    kid = await town.birth(mother)
    held = await mother.client.post(GUARDIANS, kid.named)
    assert (held["kind"], held["side"], held["state"]) == ("guardian", "held", "active")
    assert held["role"] == {"male": "father", "female": "mother"}[mother.known.gender]
    assert held["other"]["name"] == kid.full_name
    child_id = held["other"]["account_id"]
    photo = (
        await on_behalf(mother.client, child_id, "POST", "/v1/citizen/photos", status=201, content=make.picture())
    )["id"]
    new = make.new_ticket(photo_ids=[photo])
    ticket = await on_behalf(mother.client, child_id, "POST", TICKETS, status=201, json=new)
    seen = await on_behalf(mother.client, child_id, "GET", f"{TICKETS}/{ticket['id']}", status=200)
    assert seen["photo_ids"] == [photo]
    assert (await mother.client.get(TICKETS))["items"] == []
    child = make.resident()
    await child.sign_in_by_eid(kid.subject)
    assert str(await id_of(child)) == child_id
    assert (await child.get("/v1/citizen/me"))["level"] == 2
    assert [one["id"] for one in (await child.get(TICKETS))["items"]] == [ticket["id"]]
    (event,) = await child.get(f"{TICKETS}/{ticket['id']}/events")
    assert (event["by"], event["delegate"]) == ("delegate", mother.known.full_name)
    (given,) = (await child.get(DELEGATIONS))["items"]
    assert (given["side"], given["other"]["name"]) == ("given", mother.known.full_name)
    done = (await child.get(f"{DELEGATIONS}/{given['id']}/acts"))["items"]
    assert [one["action"] for one in done] == ["get_own_ticket", "ticket-filed", "photo-uploaded"]
    assert [one["subject_id"] for one in done] == [ticket["id"], ticket["id"], photo]


async def test_the_trail_has_both_names_and_the_number_is_sealed(town: Town, make: Make) -> None:
    father = await town.adult()
    kid = await town.birth(father)
    child_id = (await father.client.post(GUARDIANS, kid.named))["other"]["account_id"]
    ticket = await on_behalf(father.client, child_id, "POST", TICKETS, status=201, json=make.new_ticket())
    await on_behalf(father.client, child_id, "GET", TICKETS, status=200)
    rows = await town.house.database.hot.fetch(
        "SELECT * FROM audit_entry WHERE on_behalf_of = $1::text::uuid ORDER BY id", child_id
    )
    filed, read = rows
    for row in rows:
        assert (row["actor_kind"], row["actor_id"]) == ("citizen", await id_of(father.client))
        assert str(row["on_behalf_of"]) == str(row["account_id"]) == child_id
        assert row["request_id"]
    assert (filed["action"], filed["subject_id"]) == ("ticket-filed", ticket["id"])
    assert (read["action"], read["facts"]) == ("read-on-behalf", {"handler": "list_own_tickets"})
    sealed = await town.sql("SELECT number_sealed FROM account WHERE id = $1::text::uuid", child_id)
    assert sealed.startswith(b"p:")
    dump = await town.sql("SELECT string_agg(d::text, '') FROM delegation_event d")
    assert kid.number not in dump


async def test_two_guardians_act_for_one_child_and_do_not_see_each_other(town: Town, make: Make) -> None:
    one, other = await town.adult(), await town.adult()
    kid = await town.birth(one, other)
    child_id = (await one.client.post(GUARDIANS, kid.named))["other"]["account_id"]
    assert (await other.client.post(GUARDIANS, kid.named))["other"]["account_id"] == child_id
    ticket = await on_behalf(one.client, child_id, "POST", TICKETS, status=201, json=make.new_ticket())
    events = f"{TICKETS}/{ticket['id']}/events"
    (mine,) = await on_behalf(one.client, child_id, "GET", events, status=200)
    (theirs,) = await on_behalf(other.client, child_id, "GET", events, status=200)
    assert (mine["delegate"], theirs["delegate"]) == (one.known.full_name, None)
    assert mine["by"] == theirs["by"] == "delegate"
    assert len((await one.client.get(DELEGATIONS))["items"]) == 1


async def test_whatever_the_registry_does_not_confirm_gets_one_and_the_same_answer(town: Town) -> None:
    parent, stranger = await town.adult(), await town.adult()
    kid, nobody = await town.birth(parent), (await town.birth(parent, order=1)).named
    nobody["personal_number"] = nobody["personal_number"][:6] + "000001"
    other_day = kid.named | {"birth_date": kid.birth_date[:8] + ("01" if kid.birth_date[8:] != "01" else "02")}
    answers = [
        await stranger.client.post(GUARDIANS, kid.named, status=403),
        await parent.client.post(GUARDIANS, nobody, status=403),
        await parent.client.post(GUARDIANS, other_day, status=403),
    ]
    said = [{name: one[name] for name in one if name != "request_id"} for one in answers]
    assert said[0]["code"] == "guardianship-not-proved"
    assert said[0] == said[1] == said[2]
    assert await stored(town, kid) == (0, 0)


async def test_under_18_until_the_eve_of_the_birthday(town: Town) -> None:
    parent = await town.adult()
    today, zone = town.today, ZoneInfo(town.house.settings.timezone)
    of_age = await town.birth(parent, born=date(today.year - 18, today.month, today.day), order=1)
    assert (await parent.client.post(GUARDIANS, of_age.named, status=422))["code"] == "of-age"
    tomorrow = today + timedelta(days=1)
    still = await town.birth(parent, born=date(tomorrow.year - 18, tomorrow.month, tomorrow.day), order=2)
    held = await parent.client.post(GUARDIANS, still.named)
    assert datetime.fromisoformat(held["ends_at"]).astimezone(zone).isoformat()[:19] == f"{tomorrow}T00:00:00"


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"birth_date": "2011-05-04"}, 422, "number-unfit"),
        ({"birth_date": "1916-05-04"}, 422, "number-unfit"),
        ({"personal_number": "001••••••001"}, 400, "invalid-input"),
        ({"personal_number": "٠٠١٢١٦٠٠٠٠٠١"}, 400, "invalid-input"),
        ({"personal_number": "001216"}, 400, "invalid-input"),
        ({"birth_date": "2016-02-30"}, 400, "invalid-input"),
        ({"guardian": "me"}, 400, "invalid-input"),
    ],
)
async def test_what_cannot_be_a_child_is_refused_unasked(
    town: Town, changed: dict[str, str], status: int, code: str
) -> None:
    parent = await town.adult()
    named = {"personal_number": "001216000001", "birth_date": "2016-05-04"} | changed
    assert (await parent.client.post(GUARDIANS, named, status=status))["code"] == code


async def test_nobody_is_their_own_guardian(town: Town) -> None:
    parent = await town.adult()
    kid = await town.birth(parent, born=town.years_ago(16))
    child = town.make.resident()
    await child.sign_in_by_eid(kid.subject)
    assert (await child.post(GUARDIANS, kid.named, status=403))["code"] == "guardianship-not-proved"


async def test_it_takes_level_2_a_fresh_proof_and_a_number(make: Make, town: Town) -> None:
    kid = await town.birth(await town.adult())
    for caller in (await make.citizen(level=1), await make.citizen(level=2, proved_ago_s=1000)):
        assert (await caller.post(GUARDIANS, kid.named, status=401))["code"] == "proof-needed"
    numberless = await make.citizen(level=2)
    assert (await numberless.post(GUARDIANS, kid.named, status=409))["code"] == "identity-needed"


async def test_proved_again_or_twice_at_once_it_is_one_delegation(town: Town) -> None:
    one, other = await town.adult(), await town.adult()
    kid = await town.birth(one, other)
    asked = [adult.client.post(GUARDIANS, kid.named) for adult in (one, other, one, other)]
    held = await asyncio.gather(*asked)
    again = await one.client.post(GUARDIANS, kid.named)
    assert len({each["id"] for each in held}) == 2
    assert again["id"] == held[0]["id"]
    assert await stored(town, kid) == (1, 2)
    history = "SELECT count(*) FROM delegation_event WHERE delegation_id = $1::text::uuid"
    assert await town.sql(history, again["id"]) == 1


async def test_a_child_s_own_account_is_found_if_it_is_there(town: Town) -> None:
    parent = await town.adult()
    kid = await town.birth(parent, born=town.years_ago(15))
    child = town.make.resident()
    await child.sign_in_by_eid(kid.subject)
    held = await parent.client.post(GUARDIANS, kid.named)
    assert held["other"]["account_id"] == str(await id_of(child))
    assert await stored(town, kid) == (1, 1)


async def turned_18(town: Town, delegation_id: str) -> None:
    await town.sql(
        "UPDATE delegation SET begins_at = begins_at - interval '9 years', ends_at = now() - interval '1 second'"
        " WHERE id = $1::text::uuid",
        delegation_id,
    )


async def test_at_18_the_account_is_the_childs_alone_and_both_are_told(town: Town, make: Make, run: Do) -> None:
    parent = await town.adult()
    kid = await town.birth(parent, born=town.years_ago(17))
    held = await parent.client.post(GUARDIANS, kid.named)
    child_id = held["other"]["account_id"]
    await on_behalf(parent.client, child_id, "GET", TICKETS, status=200)
    await turned_18(town, held["id"])
    refused = await on_behalf(parent.client, child_id, "GET", TICKETS, status=403)
    assert refused["code"] == "not-on-behalf"
    before = await parent.client.get(f"{DELEGATIONS}/{held['id']}")
    assert (before["state"], before["end_reason"]) == ("ended", "of-age")
    await run("delegations-close")
    await run("delegations-close")
    child = make.resident()
    await child.sign_in_by_eid(kid.subject)
    for who in (parent.client, child):
        told = [one["title"] for one in (await who.get("/v1/citizen/messages"))["items"]]
        assert told.count("Quyền giám hộ đã kết thúc vì đủ 18 tuổi") == 1
        (shown,) = (await who.get(DELEGATIONS))["items"]
        assert (shown["state"], shown["end_reason"]) == ("ended", "of-age")
    assert await town.sql("SELECT state FROM delegation WHERE id = $1::text::uuid", held["id"]) == "ended"
    await child.get(TICKETS)


async def test_a_child_cannot_revoke_a_guardian_but_a_guardian_may_lay_it_down(town: Town, make: Make) -> None:
    parent = await town.adult()
    kid = await town.birth(parent, born=town.years_ago(16))
    held = await parent.client.post(GUARDIANS, kid.named)
    child = make.resident()
    await child.sign_in_by_eid(kid.subject)
    path = f"{DELEGATIONS}/{held['id']}/revocations"
    assert (await child.post(path, status=403))["code"] == "guardian-stays"
    assert (await parent.client.post(path))["state"] == "revoked"
    assert (await parent.client.post(path, status=409))["code"] == "delegation-over"
    anew = await parent.client.post(GUARDIANS, kid.named)
    assert anew["id"] != held["id"]


async def test_a_child_does_not_grant_a_delegation(town: Town, make: Make) -> None:
    kid = await town.birth(await town.adult(), born=town.years_ago(16))
    child = make.resident()
    await child.sign_in_by_eid(kid.subject)
    assert (await child.post(CARERS, town.grant(town.new_phone()), status=403))["code"] == "not-of-age"
