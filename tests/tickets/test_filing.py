"""Filing a ticket: routed by category and place, once, with its deadline."""

import asyncio

from app.core.house import House
from sandbox.phone import Officer, Resident
from tests.make import Make


async def test_a_ticket_goes_to_the_unit_of_its_category(make: Make, citizen: Resident) -> None:
    ticket = await make.ticket(citizen, category_code="GT-OGM")
    assert ticket["unit"]["code"] == "SO-XD"
    assert ticket["routed_by"] == "category:GT-OGM unit:SO-XD"
    assert ticket["status"] == "filed"


async def test_a_ward_category_goes_to_the_committee_of_the_confirmed_ward(make: Make, citizen: Resident) -> None:
    ticket = await make.ticket(citizen, category_code="MT-RAC")
    assert ticket["unit"]["code"] == "UBND-00070"
    assert ticket["place"]["area"]["code"] == "00070"
    assert not ticket["place"]["approximate"]


async def test_a_police_category_goes_to_the_police_of_the_ward(make: Make, citizen: Resident) -> None:
    ticket = await make.ticket(citizen, category_code="TTDT-DXT")
    assert ticket["unit"]["code"] == "CA-00070"


async def test_an_unconfirmed_place_is_guessed_and_says_so(make: Make, citizen: Resident) -> None:
    ticket = await make.ticket(citizen, place={"lat": 21.0295, "lon": 105.8460})
    assert ticket["place"]["area"]["code"] == "00070"
    assert ticket["place"]["approximate"]


async def test_a_ward_that_is_not_near_is_refused_with_the_candidates(make: Make, citizen: Resident) -> None:
    place = {"lat": 21.0295, "lon": 105.8460, "area_code": "10342"}
    problem = await citizen.post("/v1/citizen/tickets", make.new_ticket(place=place), status=422)
    assert problem["code"] == "area-not-near"
    assert "Phường Hoàn Kiếm" in problem["params"]["candidates"]


async def test_a_place_outside_the_city_is_refused(make: Make, citizen: Resident) -> None:
    saigon = {"lat": 10.77, "lon": 106.69}
    problem = await citizen.post("/v1/citizen/tickets", make.new_ticket(place=saigon), status=422)
    assert problem["code"] == "outside-the-city"


async def test_a_field_ticket_needs_a_place(make: Make, citizen: Resident) -> None:
    problem = await citizen.post("/v1/citizen/tickets", make.new_ticket(place=None), status=422)
    assert problem["code"] == "place-needed"


async def test_an_unknown_category_is_refused(make: Make, citizen: Resident) -> None:
    problem = await citizen.post("/v1/citizen/tickets", make.new_ticket(category_code="NOPE"), status=422)
    assert problem["code"] == "no-such-category"


async def test_the_same_key_and_input_give_the_same_answer_and_one_ticket(make: Make, citizen: Resident) -> None:
    new = make.new_ticket()
    first = await citizen.call("POST", "/v1/citizen/tickets", json=new, key="k1", status=201)
    again = await citizen.call("POST", "/v1/citizen/tickets", json=new, key="k1", status=201)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["etag"] == first.headers["etag"] == '"v1"'
    assert again.headers["location"] == f"/v1/citizen/tickets/{first.json()['id']}"
    assert len((await citizen.get("/v1/citizen/tickets"))["items"]) == 1


async def test_the_same_key_with_another_input_is_refused(make: Make, citizen: Resident) -> None:
    await citizen.post("/v1/citizen/tickets", make.new_ticket(), key="k1")
    other = make.new_ticket(description="Một chuyện hoàn toàn khác.")
    problem = await citizen.post("/v1/citizen/tickets", other, key="k1", status=422)
    assert problem["code"] == "idempotency-key-reused"


async def test_the_same_key_of_another_citizen_is_another_ticket(make: Make, citizen: Resident) -> None:
    other = await make.citizen()
    first, second = [await one.post("/v1/citizen/tickets", make.new_ticket(), key="k1") for one in (citizen, other)]
    assert first["id"] != second["id"]


async def test_twenty_at_once_with_one_key_file_one_ticket(make: Make, citizen: Resident) -> None:
    async def file() -> int:
        headers = {"Authorization": f"Bearer {citizen.token}", "Idempotency-Key": '"one"'}
        answer = await citizen.api.post("/v1/citizen/tickets", json=make.new_ticket(), headers=headers)
        return answer.status_code

    statuses = await asyncio.gather(*(file() for _ in range(20)))
    assert set(statuses) <= {201, 409}
    assert 201 in statuses
    assert len((await citizen.get("/v1/citizen/tickets"))["items"]) == 1


async def test_one_bad_ticket_in_a_batch_does_not_fail_its_neighbours(make: Make, citizen: Resident) -> None:
    taken = (await make.ticket(citizen))["id"]
    news = [make.new_ticket(id=taken)] + [make.new_ticket() for _ in range(10)]

    async def file(new: dict[str, object], key: str) -> int:
        headers = {"Authorization": f"Bearer {citizen.token}", "Idempotency-Key": f'"{key}"'}
        return (await citizen.api.post("/v1/citizen/tickets", json=new, headers=headers)).status_code

    statuses = await asyncio.gather(*(file(new, f"n{number}") for number, new in enumerate(news)))
    assert statuses == [409] + [201] * 10


async def test_an_id_made_by_the_phone_is_kept_and_filed_once(make: Make, citizen: Resident) -> None:
    wanted = "01890000-0000-7000-8000-0000000000aa"
    ticket = await make.ticket(citizen, id=wanted)
    assert ticket["id"] == wanted
    problem = await citizen.post("/v1/citizen/tickets", make.new_ticket(id=wanted), status=409)
    assert problem["code"] == "already-filed"


async def test_a_photo_of_somebody_else_or_used_already_is_refused(make: Make, citizen: Resident) -> None:
    other = await make.citizen()
    theirs, mine = await make.photo(other), await make.photo(citizen)
    new = make.new_ticket(photo_ids=[theirs])
    assert (await citizen.post("/v1/citizen/tickets", new, status=422))["code"] == "photo-unusable"
    await make.ticket(citizen, photo_ids=[mine])
    new = make.new_ticket(photo_ids=[mine])
    assert (await citizen.post("/v1/citizen/tickets", new, status=422))["code"] == "photo-unusable"


async def test_a_ticket_with_a_photo_sent_again_is_answered_again(make: Make, citizen: Resident) -> None:
    new = make.new_ticket(photo_ids=[await make.photo(citizen)])
    first, again = [await citizen.post("/v1/citizen/tickets", new, key="k") for _ in range(2)]
    assert first == again


async def test_two_tickets_racing_for_one_photo_leave_it_to_one(make: Make, citizen: Resident) -> None:
    photo = await make.photo(citizen)

    async def file(key: str) -> int:
        headers = {"Authorization": f"Bearer {citizen.token}", "Idempotency-Key": f'"{key}"'}
        new = make.new_ticket(photo_ids=[photo])
        return (await citizen.api.post("/v1/citizen/tickets", json=new, headers=headers)).status_code

    assert sorted(await asyncio.gather(*(file(f"k{number}") for number in range(4)))) == [201, 422, 422, 422]


async def test_what_a_post_answered_a_get_shows(make: Make, citizen: Resident) -> None:
    ticket = await make.ticket(citizen, photo_ids=[await make.photo(citizen)])
    assert await citizen.get(f"/v1/citizen/tickets/{ticket['id']}") == ticket


async def test_the_deadline_names_its_rule_and_is_in_working_hours(make: Make, citizen: Resident, house: House) -> None:
    ticket = await make.ticket(citizen)
    deadline = await citizen.get(f"/v1/citizen/tickets/{ticket['id']}/deadline")
    assert deadline["rule"] == "IH-ACCEPT"
    assert deadline["due_at"] == ticket["due_at"]
    assert deadline["explained_vi"].startswith("8 giờ làm việc kể từ")
    assert deadline["explained_en"].startswith("8 working hours from")


async def test_the_unit_sees_it_at_once_and_another_does_not(make: Make, citizen: Resident, officer: Officer) -> None:
    ticket = await make.ticket(citizen)
    elsewhere = await make.officer("HSDC")
    assert (await officer.get(f"/v1/officer/tickets/{ticket['id']}"))["code"] == ticket["code"]
    assert (await elsewhere.get(f"/v1/officer/tickets/{ticket['id']}", status=404))["code"] == "no-such-ticket"
