"""One's own account as one sees it: the first thing every app asks, so what is asked while one statement runs is asked together
in the next."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from app.accounts import rules
from app.accounts.models import Account
from app.accounts.schemas import AccountOut
from app.core.batch import Batch
from app.core.crypto import Crypto, mask
from app.core.db import Database, Row
from app.core.errors import SignInNeeded
from app.core.person_keys import Person
from app.core.principals import Citizen

ME_SQL = """
SELECT a.*, k.sealed AS key_sealed
FROM unnest($1::uuid[]) AS asked(id) JOIN account a USING (id) LEFT JOIN person_key k ON k.account_id = a.id
"""


class Profiles:
    """The hot read; one an API process."""

    def __init__(self, database: Database, crypto: Crypto) -> None:
        self._database = database
        self._crypto = crypto
        self._batch: Batch[UUID, Row] = Batch(self._read)

    async def me(self, citizen: Citizen) -> tuple[AccountOut, int]:
        """The account and its version."""
        row = await self._batch(citizen.id)
        person = Person(self._crypto, citizen.id, row["key_sealed"])
        return _shown(row.__getitem__, citizen, person), row["version"]

    async def _read(self, account_ids: Sequence[UUID]) -> list[Row | Exception]:
        rows = {row["id"]: row for row in await self._database.hot.fetch(ME_SQL, list(set(account_ids)))}
        return [rows.get(one) or SignInNeeded("invalid_token") for one in account_ids]


def shown(account: Account, citizen: Citizen, person: Person) -> AccountOut:
    """The same for an account at hand."""
    return _shown(partial(getattr, account), citizen, person)


def _shown(get: Callable[[str], Any], citizen: Citizen, person: Person) -> AccountOut:
    """Numbers are masked."""
    phone, number = get("phone_sealed"), get("number_sealed")
    return AccountOut(
        id=citizen.id,
        level=get("level"),
        session_level=citizen.level,
        full_name=get("full_name"),
        phone=mask(person.decrypt(rules.PHONE, phone), 5, 3) if phone else None,
        personal_number=mask(person.decrypt(rules.NUMBER, number), 3, 3) if number else None,
        birth_date=get("birth_date"),
        language=get("language"),
        state=get("state"),
        created_at=get("created_at"),
    )
