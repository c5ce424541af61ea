"""Acting for another: what a delegation opens at the doors, and what it does not."""

import pytest

from app.core.guards import Wanted
from app.core.ids import new_id
from app.core.principals import Citizen
from app.delegations import service
from sandbox.phone import Resident
from tests.delegations.conftest import CARERS, DELEGATIONS, GUARDIANS, Town, id_of, on_behalf
from tests.make import Make

TICKETS, MESSAGES = "/v1/citizen/tickets", "/v1/citizen/messages"


async def test_a_scope_opens_its_own_handlers_only(town: Town, make: Make) -> None:
    _, carer, held = await town.cared_for("inbox", "health")
    elder_id = held["other"]["account_id"]
    await on_behalf(carer, elder_id, "GET", MESSAGES, status=200)
    for method, path, body in (
        ("GET", TICKETS, None),
        ("POST", TICKETS, make.new_ticket()),
        ("POST", "/v1/citizen/photos", None),
        ("GET", "/v1/citizen/me", None),
        ("PATCH", "/v1/citizen/me", {"language": "en"}),
        ("GET", "/v1/citizen/sessions", None),
        ("DELETE", "/v1/citizen/sessions", None),
        ("POST", "/v1/citizen/devices", {}),
        ("POST", "/v1/citizen/eid-link-begins", {"level": 2}),
        ("GET", DELEGATIONS, None),
        ("POST", CARERS, town.grant(town.new_phone())),
        ("POST", f"{DELEGATIONS}/{held['id']}/revocations", None),
    ):
        refused = await on_behalf(carer, elder_id, method, path, status=403, json=body)
        assert refused["code"] == "not-on-behalf", path
    assert await town.sql("SELECT count(*) FROM ticket WHERE citizen_id = $1::text::uuid", elder_id) == 0


@pytest.mark.parametrize(
    "said", ["", "me", "0", "{}", "null", "00000000-0000-0000-0000-000000000000", "' OR 1=1 --", "é" * 40, "1" * 4000]
)
async def test_a_header_with_anything_else_is_refused(citizen: Resident, said: str) -> None:
    header = {"X-On-Behalf-Of": said.encode("latin-1")}
    status = 403 if said else 200  # empty is as good as none
    answer = await citizen.call("GET", TICKETS, status=status, headers=header)  # type: ignore[arg-type]  # bytes: httpx would encode text
    assert not said or answer.json()["code"] == "not-on-behalf"


async def test_nobody_is_on_their_own_behalf_nor_on_a_strangers(make: Make, citizen: Resident) -> None:
    for account_id in (await id_of(citizen), await id_of(await make.citizen()), new_id()):
        refused = await on_behalf(citizen, account_id, "GET", TICKETS, status=403)
        assert refused["code"] == "not-on-behalf"


async def test_delegations_do_not_chain(town: Town, make: Make) -> None:
    grandmother = await town.adult()
    kid = await town.birth(grandmother)
    held = await grandmother.client.post(GUARDIANS, kid.named)
    carer, phone = await town.with_phone()
    given = await grandmother.client.post(CARERS, town.grant(phone))
    await carer.post(f"{DELEGATIONS}/{given['id']}/acceptances")
    await on_behalf(carer, await id_of(grandmother.client), "GET", TICKETS, status=200)
    refused = await on_behalf(carer, held["other"]["account_id"], "GET", TICKETS, status=403)
    assert refused["code"] == "not-on-behalf"


@pytest.mark.parametrize("who", ["elder", "carer"])
@pytest.mark.parametrize("state", ["suspended", "blocked", "reset-required", "closing", "closed"])
async def test_only_active_accounts_act_and_are_acted_for(town: Town, who: str, state: str) -> None:
    elder, carer, held = await town.cared_for()
    elder_id = held["other"]["account_id"]
    account_id = await id_of(elder if who == "elder" else carer)
    await town.sql("UPDATE account SET state = $2 WHERE id = $1", account_id, state)
    refused = await on_behalf(carer, elder_id, "GET", TICKETS, status=403)
    assert refused["code"] == "not-on-behalf"
    await town.sql("UPDATE account SET state = 'active' WHERE id = $1", account_id)
    await on_behalf(carer, elder_id, "GET", TICKETS, status=200)


async def test_two_who_act_for_one_have_keys_of_their_own(town: Town, make: Make) -> None:
    elder, carer, held = await town.cared_for()
    other, phone = await town.with_phone()
    given = await elder.post(CARERS, town.grant(phone))
    await other.post(f"{DELEGATIONS}/{given['id']}/acceptances")
    new, elder_id = make.new_ticket(), held["other"]["account_id"]
    filed = [await on_behalf(who, elder_id, "POST", TICKETS, status=201, json=new, key="k") for who in (carer, other)]
    filed.append(await elder.post(TICKETS, new, key="k"))
    again = await on_behalf(carer, elder_id, "POST", TICKETS, status=201, json=new, key="k")
    assert len({one["id"] for one in filed}) == 3
    assert again["id"] == filed[0]["id"]


async def test_a_rating_in_anothers_name_says_so(town: Town, make: Make) -> None:
    elder, carer, held = await town.cared_for()
    elder_id, officer = held["other"]["account_id"], await make.officer("SO-XD")
    ticket = await make.ticket(elder)
    await make.answered(officer, ticket)
    path = f"{TICKETS}/{ticket['id']}"
    await on_behalf(carer, elder_id, "POST", f"{path}/ratings", status=201, json={"rating": "satisfied"})
    events = await elder.get(f"{path}/events")
    assert [one["by"] for one in events] == ["citizen", "officer", "officer", "delegate"]
    assert [one["delegate"] for one in events] == [None, None, None, "Nguyễn Văn An"]
    seen = await officer.get(f"/v1/officer/tickets/{ticket['id']}/events")
    assert (seen[3]["by"], seen[3]["delegate"]) == ("delegate", None)
    done = (await elder.get(f"{DELEGATIONS}/{held['id']}/acts"))["items"]
    assert [one["action"] for one in done] == ["ticket-rated"]


async def test_one_acts_at_the_lower_level_and_by_ones_own_proof(town: Town, make: Make) -> None:
    elder, carer, held = await town.cared_for()
    wanted = Wanted(held["other"]["account_id"], "tickets", "get_own_ticket", "", reads=True)
    for own, granted, level in ((1, 2, 1), (2, 2, 2), (2, 1, 1), (0, 2, 0)):
        await town.sql("UPDATE delegation SET level = $2 WHERE id = $1::text::uuid", held["id"], granted)
        actor = Citizen(await id_of(carer), new_id(), own, 1234.5)
        acting = await service.resolve(town.house, actor, wanted)
        assert (acting.id, acting.person_id) == (await id_of(elder), actor.id)
        assert (acting.level, acting.proved_at, acting.session_id) == (level, 1234.5, actor.session_id)


async def test_what_a_registry_proved_of_a_number_needs_that_number(town: Town) -> None:
    mother = await town.adult()
    kid = await town.birth(mother)
    held = await mother.client.post(GUARDIANS, kid.named)
    child = held["other"]["account_id"]
    await on_behalf(mother.client, child, "GET", TICKETS, status=200)
    await town.sql(
        "UPDATE account SET number_index = NULL, number_sealed = NULL WHERE id = $1", await id_of(mother.client)
    )
    assert (await on_behalf(mother.client, child, "GET", TICKETS, status=403))["code"] == "not-on-behalf"


async def test_of_an_offer_that_nobody_took_there_is_nothing_to_show(town: Town) -> None:
    elder, _ = await town.with_phone(level=2)
    offered = await elder.post(CARERS, town.grant(town.new_phone()))
    assert (await elder.get(f"{DELEGATIONS}/{offered['id']}/acts"))["items"] == []
