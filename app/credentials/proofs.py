"""Proving anew, within a session, who one is (RFC 9470): by the national eID, at its level; by a code to the account's phone.
And the change of that phone, which such a proof and a code to the new number allow."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import service as accounts
from app.accounts.models import Account
from app.accounts.rules import PHONE, Method, parse_phone
from app.core import person_keys, sessions
from app.core.crypto import Crypto
from app.core.guards import ProofNeeded
from app.core.house import House
from app.core.oidc import Begun, OidcClient
from app.core.person_keys import Person
from app.core.principals import Citizen
from app.core.sessions import AccessOut
from app.credentials import codes, identities, service
from app.credentials.rules import FRESH_S, NoEid, NoPhone, NotYourIdentity, PhoneTaken, Purpose
from app.credentials.schemas import AskCode, BeginProof, NewPhone, ProofReturned

EID_PROOF = "eid-proof"
"""What the return of the provider is for: it neither signs in nor links."""


async def begin_eid(house: House, eid: OidcClient, citizen: Citizen, asked: BeginProof, address: str) -> Begun:
    """Start a proof of that level, no older than asked for. Raises NoEid, EidUnavailable, TooManyRequests."""
    async with house.database.transaction() as db:
        account = await db.get_one(Account, citizen.id)
    if account.eid_subject is None:
        raise NoEid
    return await identities.begin(
        house, eid, asked.level, address, citizen.id, purpose=EID_PROOF, max_age_s=asked.max_age_s
    )


async def prove_by_eid(house: House, eid: OidcClient, citizen: Citizen, returned: ProofReturned) -> AccessOut:
    """Raise this session to the level proved, as fresh as the provider says.

    Raises SignInRefused, LevelNotReached, NotYourIdentity, RefreshRefused, EidUnavailable.
    """
    identity = await identities.ask(house, eid, returned, citizen.id, EID_PROOF)
    async with house.database.transaction() as db:
        account = await db.get_one(Account, citizen.id, with_for_update=True)
        if (account.eid_issuer, account.eid_subject) != (identity.issuer, identity.subject):
            raise NotYourIdentity
        identities.vouched(account, identity, await person_keys.make(db, house.crypto, account.id))
        return await service.prove(
            db,
            house,
            citizen,
            Method.EID,
            identity.level,
            proved_at=identity.proved_at,
            upstream=identity.upstream,
        )


async def send_code(house: House, citizen: Citizen, address: str) -> datetime:
    """A code to the account's own phone, within the rates of sign-in codes. Raises NoPhone, TooManyRequests."""
    async with house.database.transaction() as db:
        account = await db.get_one(Account, citizen.id)
        phone = await _phone(db, house, account)
    return await codes.send(house, phone, Purpose.PROOF, account.id, account.language, address)


async def prove_by_code(house: House, citizen: Citizen, digits: str) -> AccessOut:
    """A token that says: this phone, just now. Raises NoPhone, BadCode, TooManyRequests, RefreshRefused.

    A phone proves level 0, so a session of a higher level stays as it is: neither its level nor the age of that proof changes
    by a code, and the token for this one act is of level 0.
    """
    async with house.database.transaction() as db:
        phone = await _phone(db, house, await db.get_one(Account, citizen.id))
    await codes.use(house, phone, Purpose.PROOF, citizen.id, digits)
    async with house.database.transaction() as db:
        return await service.prove(db, house, citizen, Method.PHONE, 0)


async def ask_new_phone(house: House, citizen: Citizen, asked: AskCode, address: str) -> datetime:
    """A code to the number that is to be the account's; the same answer whoever has it. Raises BadPhone, TooManyRequests."""
    return await codes.ask_for(house, asked, Purpose.CONFIRM, citizen.id, address)


async def change_phone(house: House, citizen: Citizen, new: NewPhone) -> tuple[Account, Person]:
    """Take another number, shown to be in one's hands by the code; the old one is told. The same number is no change.

    An account with the eID wants a proof by it: who has only found the phone must not keep its owner out.
    Raises BadPhone, BadCode, PhoneTaken, ProofNeeded, RefreshRefused.
    """
    phone = parse_phone(new.phone)
    index = house.crypto.index(PHONE, phone)
    async with house.database.transaction() as db:
        account = await db.get_one(Account, citizen.id)
        if account.eid_subject is not None and citizen.level == 0:
            raise ProofNeeded(1, FRESH_S)
        if account.phone_index == index:
            return account, await person_keys.person(db, house.crypto, account.id)
    await codes.use(house, phone, Purpose.CONFIRM, citizen.id, new.code)
    async with house.database.transaction() as db:
        account = await db.get_one(Account, citizen.id, with_for_update=True)
        await sessions.alive(db, citizen.session_id)
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


async def _phone(db: AsyncSession, house: House, account: Account) -> str:
    """Raises NoPhone."""
    if account.phone_sealed is None:
        raise NoPhone
    return (await person_keys.person(db, house.crypto, account.id)).decrypt(PHONE, account.phone_sealed)
