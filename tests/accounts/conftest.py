"""A person with two accounts, for the tests of merging."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.phone import Resident
from tests.make import Make

NewPhone = Callable[[], str]
_people = itertools.count(501)


class Two:
    """A person with two accounts: one by the eID, and one by phone, in which they have just linked the same eID."""

    def __init__(self, eid: Resident, phone: Resident, number: str, person: str) -> None:
        self.eid, self.phone, self.number, self.person = eid, phone, number, person
        self.offer: dict[str, Any] = {}

    async def link(self) -> dict[str, Any]:
        begun = await self.phone.post("/v1/citizen/eid-link-begins", {"level": 2})
        back = await self.phone.choose(begun["url"], self.person)
        problem = await self.phone.post("/v1/citizen/eid-links", back, status=409)
        self.offer = problem["params"]
        return problem

    async def merge(self, **more: Any) -> dict[str, Any]:
        body = {"offer_id": self.offer["offer_id"], **more}
        tokens = await self.phone.post("/v1/citizen/account-merges", body)
        self.phone.keep(tokens)
        return tokens


@pytest.fixture
async def two(make: Make, new_phone: NewPhone) -> Two:
    number = next(_people)
    person, phone = f"resident-{number + number // 3 + 1:04d}", new_phone()
    by_eid, by_phone = make.resident(), make.resident()
    await by_eid.sign_in_by_eid(person)
    await by_phone.sign_in_by_phone(phone)
    return Two(by_eid, by_phone, phone, person)
