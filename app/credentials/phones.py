"""The phone of one's own account: proved again by a code, or changed for another number."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import service as accounts
from app.accounts.models import Account
from app.accounts.rules import PHONE, Method, parse_phone
from app.core import person_keys
from app.core.crypto import Crypto
from app.core.guards import ProofNeeded
from app.core.house import House
from app.core.person_keys import Person
from app.core.principals import Citizen
from app.core.sessions import AccessOut
from app.credentials import codes, service
from app.credentials.rules import FRESH_S, PhoneMissing, PhoneTaken, Purpose
from app.credentials.schemas import AskOwnCode, NewPhone


async def ask(house: House, citizen: Citizen, asked: AskOwnCode, address: str) -> datetime:
    """A code to the number that is to be the account's, or to the one it has. The same answer whoever has the number.

    Raises BadPhone, PhoneMissing, TooManyRequests.
    """
    phone = parse_phone(asked.phone) if asked.phone is not None else await _own(house, citizen)
    return await codes.send(house, phone, asked, address, Purpose.CONFIRM, citizen.id)


async def prove(house: House, citizen: Citizen, digits: str) -> AccessOut:
    """Prove again, by a code to the account's phone, who one is. Raises BadCode, PhoneMissing, ProofNeeded.

    In a session of a higher level a code would prove less than the session says: there the eID is asked for.
    """
    if citizen.level > 0:
        raise ProofNeeded(citizen.level, FRESH_S)
    await codes.use(house, await _own(house, citizen), digits, Purpose.CONFIRM, citizen.id)
    async with house.database.transaction() as db:
        return await service.prove(db, house, citizen, Method.PHONE, 0)


async def change(house: House, citizen: Citizen, new: NewPhone) -> tuple[Account, Person]:
    """Take another number, shown to be in one's hands by the code; the old one is told. The same number is no change.

    An account with the eID wants a proof by it: who has only found the phone must not keep its owner out.
    Raises BadPhone, BadCode, PhoneTaken, ProofNeeded.
    """
    phone = parse_phone(new.phone)
    index = house.crypto.index(PHONE, phone)
    async with house.database.transaction() as db:
        account = await db.get_one(Account, citizen.id)
        if account.eid_subject is not None and citizen.level == 0:
            raise ProofNeeded(1, FRESH_S)
        if account.phone_index == index:
            return account, await person_keys.person(db, house.crypto, account.id)
    await codes.use(house, phone, new.code, Purpose.CONFIRM, citizen.id)
    async with house.database.transaction() as db:
        account = await db.get_one(Account, citizen.id, with_for_update=True)
        person = await person_keys.make(db, house.crypto, account.id)
        await _release(db, account, index)
        _tell_old(db, house.crypto, account, person)
        account.phone_index, account.phone_sealed = index, person.encrypt(PHONE, phone)
        account.version += 1
        accounts.note(db, citizen, "phone-changed", "account", account.id, account_id=account.id)
        return account, person


async def _release(db: AsyncSession, account: Account, index: bytes) -> None:
    """From now on only the new number signs in: those of accounts merged into this one do no more. Raises PhoneTaken."""
    holder = await db.scalar(select(Account).where(Account.phone_index == index))
    if holder is not None and account.id not in (holder.id, holder.merged_into):
        raise PhoneTaken
    merged = update(Account).where(Account.merged_into == account.id)
    await db.execute(merged.values(phone_index=None, phone_sealed=None))


def _tell_old(db: AsyncSession, crypto: Crypto, account: Account, person: Person) -> None:
    if account.phone_sealed is not None:
        old = person.decrypt(PHONE, account.phone_sealed)
        codes.say_changed(db, crypto, old, account.language, account.id)


async def _own(house: House, citizen: Citizen) -> str:
    async with house.database.transaction() as db:
        account = await db.get_one(Account, citizen.id)
        if account.phone_sealed is None:
            raise PhoneMissing
        person = await person_keys.person(db, house.crypto, account.id)
        return person.decrypt(PHONE, account.phone_sealed)
