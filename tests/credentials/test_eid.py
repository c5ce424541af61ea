"""Sign-in by the national eID, and linking it."""

from collections.abc import Callable

import httpx2
import pytest

from sandbox import people
from sandbox.phone import moments
from tests.credentials.eid import come_back, person
from tests.make import Make


async def test_a_level_2_sign_in_brings_the_proved_name_and_a_masked_number(make: Make) -> None:
    resident = make.resident()
    await resident.sign_in_by_eid(person(1), level=2)
    account, known = await resident.get("/v1/citizen/me"), people.resident(1)
    assert account["level"] == account["session_level"] == 2
    assert account["full_name"] == known.full_name
    assert account["personal_number"] == known.number[:3] + "••••••" + known.number[-3:]
    assert account["birth_date"] == known.birth_date.isoformat()


async def test_a_session_has_the_level_that_was_asked_for(make: Make) -> None:
    first, second = make.resident(), make.resident()
    await first.sign_in_by_eid(person(2), level=2)
    await second.sign_in_by_eid(person(2), level=1)
    account = await second.get("/v1/citizen/me")
    assert (account["level"], account["session_level"]) == (2, 1)
    assert account["id"] == (await first.get("/v1/citizen/me"))["id"]


async def test_a_level_1_person_does_not_get_level_2_but_is_told_and_gets_level_1(make: Make) -> None:
    resident = make.resident()
    begun = await resident.post("/v1/public/eid-sign-ins", {"level": 2})
    back = await resident.choose(begun["url"], person(4))
    problem = await resident.post("/v1/public/eid-sessions", back, status=403)
    assert (problem["code"], problem["params"]) == ("level-not-reached", {"level": 1, "asked": 2})
    await resident.sign_in_by_eid(person(4), level=1)
    assert (await resident.get("/v1/citizen/me"))["session_level"] == 1


async def test_a_state_works_once(make: Make) -> None:
    resident = make.resident()
    begun = await resident.post("/v1/public/eid-sign-ins", {"level": 1})
    back = await resident.choose(begun["url"], person(5))
    await resident.post("/v1/public/eid-sessions", back)
    assert (await resident.post("/v1/public/eid-sessions", back, status=400))["code"] == "sign-in-refused"


async def test_a_state_we_did_not_give_out_is_refused(make: Make) -> None:
    problem = await make.resident().post("/v1/public/eid-sessions", {"code": "x", "state": "y"}, status=400)
    assert problem["params"]["reason"] == "state"


async def test_a_code_of_another_sign_in_is_refused(make: Make) -> None:
    resident = make.resident()
    begun = [await resident.post("/v1/public/eid-sign-ins", {"level": 1}) for _ in range(2)]
    first, second = [await resident.choose(one["url"], person(6)) for one in begun]
    mixed = {"code": first["code"], "state": second["state"]}
    assert (await resident.post("/v1/public/eid-sessions", mixed, status=400))["code"] == "sign-in-refused"


async def test_a_link_raises_the_account_and_ends_the_old_session(
    make: Make, new_phone: Callable[[], str], worker: None
) -> None:
    resident = make.resident()
    await resident.sign_in_by_phone(new_phone())
    before, old = await resident.get("/v1/citizen/me"), resident.token
    begun = await resident.post("/v1/citizen/eid-link-begins", {"level": 2})
    resident.keep(await resident.post("/v1/citizen/eid-links", await resident.choose(begun["url"], person(7))))
    after = await resident.get("/v1/citizen/me")
    assert (after["id"], after["level"]) == (before["id"], 2)
    resident.token = old
    assert (await resident.get("/v1/citizen/me", status=401))["code"] == "sign-in-needed"


async def test_an_identity_belongs_to_one_account(make: Make, new_phone: Callable[[], str], worker: None) -> None:
    await make.resident().sign_in_by_eid(person(9))
    resident = make.resident()
    await resident.sign_in_by_phone(new_phone())
    begun = await resident.post("/v1/citizen/eid-link-begins", {"level": 2})
    back = await resident.choose(begun["url"], person(9))
    assert (await resident.post("/v1/citizen/eid-links", back, status=409))["code"] == "merge-offered"
    assert (await resident.get("/v1/citizen/me"))["level"] == 0


async def test_the_return_of_a_link_cannot_sign_somebody_in(
    make: Make, new_phone: Callable[[], str], worker: None
) -> None:
    resident = make.resident()
    await resident.sign_in_by_phone(new_phone())
    begun = await resident.post("/v1/citizen/eid-link-begins", {"level": 2})
    back = await resident.choose(begun["url"], person(10))
    assert (await make.resident().post("/v1/public/eid-sessions", back, status=400))["code"] == "sign-in-refused"


@pytest.mark.parametrize("kind", ["error", "slow", "nonsense"])
async def test_when_the_provider_fails_the_answer_is_a_problem_that_says_so(
    make: Make, outside: httpx2.AsyncClient, eid_well: None, kind: str
) -> None:
    resident = make.resident()
    spoken = {"en": "sign in with your phone", "vi": "đăng nhập được bằng số điện thoại"}
    backs = [await come_back(resident, person(11), 1) for _ in spoken]
    await outside.put("/faults/eid", json={"kind": kind, "seconds": 10})
    for back, (language, words) in zip(backs, spoken.items(), strict=True):
        headers = {"Accept-Language": language}
        answer = await resident.call("POST", "/v1/public/eid-sessions", json=back, headers=headers, status=503)
        assert answer.json()["code"] == "outside-unavailable"
        assert words in answer.json()["detail"]
        assert answer.headers["retry-after"]
    await outside.delete("/faults")
    async for _ in moments(5):
        again = await resident.api.post("/v1/public/eid-sessions", json=backs[0])
        if again.status_code != 503:
            break
    assert again.status_code == 201, "the same return works as soon as the provider does"
