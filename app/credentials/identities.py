"""Sign-in by the national eID (NĐ 69/2024): a person is (`iss`, `sub`); the personal number stands encrypted beside it."""

import unicodedata
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct, structs
from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import merging, rules
from app.accounts import service as accounts
from app.accounts.merging import Belongings
from app.accounts.models import Account
from app.accounts.rules import EID_REFRESH, NUMBER, BadIdentity, Method
from app.core import person_keys, sessions, sign_ins
from app.core.crypto import Crypto
from app.core.errors import OutsideUnavailable
from app.core.house import House
from app.core.ids import new_id
from app.core.limits import Rate
from app.core.oidc import Begun, OidcClient
from app.core.oidc_claims import is_text, moment
from app.core.person_keys import Person
from app.core.principals import Citizen
from app.core.sessions import TokensOut
from app.core.settings import Oidc
from app.core.sign_ins import Returned
from app.credentials import service
from app.credentials.models import Passkey
from app.credentials.rules import (
    EID_BEGINS_WINDOW_S,
    EidUnavailable,
    IdentityTaken,
    LevelNotReached,
    MergeOffered,
    NoEid,
    NoPhone,
    NotYourIdentity,
)
from app.credentials.schemas import Agreed, ProofReturned

PROVIDER = "eid"


class Identity(Struct, frozen=True):
    """What the provider vouches for."""

    issuer: str
    subject: str
    level: int
    full_name: str
    number: str
    birth_date: date | None
    proved_at: float = 0.0
    """When the person proved it at the provider; 0 where the provider does not say."""
    upstream: str = ""
    """The session there."""
    refresh_token: str = ""
    """To ask again with, if the provider gives one."""


async def begin(
    house: House,
    eid: OidcClient,
    level: int,
    address: str,
    account_id: UUID | None = None,
    *,
    purpose: str = PROVIDER,
    max_age_s: int | None = None,
) -> Begun:
    """Start a sign-in that asks for a level; with `account_id`, a link to that account.

    Raises TooManyRequests, EidUnavailable.
    """
    per_address = house.settings.limits.codes_per_address
    rate = Rate("eid-begins-address", per_address, EID_BEGINS_WINDOW_S, per_address)
    (await house.limits.spend(rate, address)).check()
    settings = house.settings.eid
    with _helpful():
        begun = await eid.begin(settings.acr_level_2 if level == 2 else settings.acr_level_1, max_age_s)
    async with house.database.transaction() as db:
        sign_ins.remember(db, purpose, begun, account_id)
    return begun


async def sign_in(house: House, eid: OidcClient, returned: Returned) -> TokensOut:
    """Open a session at the level proved. Raises SignInRefused, LevelNotReached, BadIdentity, AccountShut, EidUnavailable."""
    identity = await ask(house, eid, returned, None)
    async with house.database.transaction() as db:
        account = await _find(db, house.crypto, identity) or _new(identity)
        db.add(account)
        await _take_over(db, account, identity, house.crypto)
        await db.flush()
        return await _open(db, house, account, identity, returned.device_name)


async def link(
    house: House, eid: OidcClient, citizen: Citizen, returned: Returned, belongings: Belongings
) -> TokensOut:
    """Tie the identity to the citizen's own account and raise this session to its level.

    Raises MergeOffered when another account of the same person has it (the offer is kept), MergeRefused where there can be
    none, IdentityTaken when the account is already somebody else's, NotYourIdentity when it was once.
    """
    identity = await ask(house, eid, returned, citizen.id)
    async with house.database.transaction() as db:
        account = await db.get_one(Account, citizen.id, with_for_update=True)
        await sessions.alive(db, citizen.session_id)
        if account.former_number_index not in (None, house.crypto.index(NUMBER, identity.number)):
            raise NotYourIdentity
        holder = await _find(db, house.crypto, identity)
        other = account.eid_subject is not None and (account.eid_issuer, account.eid_subject) != _person(identity)
        alone = holder is None or holder.id == account.id
        if other or (not alone and account.number_index is not None):
            raise IdentityTaken
        if holder is None or alone:
            return await _linked(db, house, citizen, account, identity, returned.device_name)
        offer = await merging.offer(
            db,
            citizen,
            account,
            holder,
            merging.Proof(identity.level, datetime.fromtimestamp(identity.proved_at, UTC), identity.upstream),
        )
        question = await merging.described(db, house.crypto, offer, belongings)
    raise MergeOffered(**question)


async def merge(house: House, citizen: Citizen, agreed: Agreed) -> TokensOut:
    """The citizen's yes to the offer: a session of the account that stays, as proved when it was made.

    Raises NoMergeOffer, MergeRefused.
    """
    async with house.database.transaction() as db:
        offer = await merging.accept(db, house, citizen, agreed.offer_id, agreed.phone)
        survivor = await db.get_one(Account, offer.survivor_id)
        tokens = await service.open_session(
            db,
            house,
            survivor,
            Method.EID,
            offer.level,
            agreed.device_name,
            proved_at=offer.proved_at.timestamp(),
            upstream=offer.upstream,
        )
        await merging.move_phones(db, offer, tokens.session_id)
        return tokens


async def unlink(db: AsyncSession, house: House, citizen: Citizen) -> None:
    """Take the identity and the personal number off the account; what the eID opened or raised is over.

    The name stays, as one that the resident says. Raises NoEid; NoPhone where nobody could sign in any more.
    """
    account = await db.get_one(Account, citizen.id, with_for_update=True)
    if account.eid_subject is None:
        raise NoEid
    if account.phone_index is None:
        raise NoPhone
    account.former_number_index = account.number_index
    account.eid_issuer = account.eid_subject = account.number_index = account.number_sealed = None
    account.eid_refresh_sealed = account.eid_checked_at = account.eid_asked_at = None
    account.level, account.version = 0, account.version + 1
    await db.execute(update(Passkey).where(Passkey.account_id == account.id).values(level=0))
    ended = await sessions.end_upstream(db, house.revocations, account.id)
    await accounts.forget_devices(db, ended)
    await sessions.renew_all(db, house.revocations, account.id)
    accounts.note(db, citizen, "eid-unlinked", "account", account.id, account_id=account.id)


def read(claims: dict[str, Any], settings: Oidc) -> Identity:
    """The provider's claims, checked (names of the claims are settings). Raises BadIdentity."""
    levels = {settings.acr_level_1: 1, settings.acr_level_2: 2}
    level = levels.get(str(claims.get("acr", "")))
    name = unicodedata.normalize("NFC", str(claims.get(settings.claim_name, ""))).strip()
    if level is None or not name.isprintable() or not 0 < len(name) <= 100:
        raise BadIdentity(what="acr" if level is None else "name")
    birth = str(claims.get(settings.claim_birth_date, ""))
    born = rules.parse_birth_date(birth)
    number = rules.check_personal_number(
        str(claims.get(settings.claim_personal_number, "")),
        born,
        year=rules.birth_year_of(birth),
        gender=str(claims.get(settings.claim_gender, "")),
    )
    proved_at = moment(claims, "auth_time") or 0.0
    sid = str(claims.get("sid", ""))
    return Identity(
        str(claims["iss"]), str(claims["sub"]), level, name, number, born, proved_at, sid if is_text(sid) else ""
    )


async def ask(
    house: House,
    eid: OidcClient,
    returned: Returned | ProofReturned,
    account_id: UUID | None,
    purpose: str = PROVIDER,
) -> Identity:
    """Who comes back from the provider, at the level that was asked for at least. While it does not answer, the same return may
    be handed in again.

    Raises SignInRefused, LevelNotReached, BadIdentity, EidUnavailable.
    """
    async with house.database.transaction() as db:
        begun = await sign_ins.recall(db, purpose, returned.state, account_id)
    try:
        with _helpful():
            finished = await eid.finish(returned.code, begun, returned.iss)
    except EidUnavailable:
        async with house.database.transaction() as db:
            sign_ins.remember(db, purpose, begun, account_id)
        raise
    identity = read(finished.claims, house.settings.eid)
    asked = 2 if begun.acr == house.settings.eid.acr_level_2 else 1
    if identity.level < asked:
        raise LevelNotReached(level=identity.level, asked=asked)
    return structs.replace(identity, refresh_token=finished.refresh_token)


@contextmanager
def _helpful() -> Generator[None]:
    try:
        yield
    except OutsideUnavailable as wrong:
        raise EidUnavailable(**wrong.params) from wrong


async def _open(db: AsyncSession, house: House, account: Account, identity: Identity, device_name: str) -> TokensOut:
    return await service.open_session(
        db,
        house,
        account,
        Method.EID,
        identity.level,
        device_name,
        proved_at=identity.proved_at,
        upstream=identity.upstream,
    )


async def _linked(
    db: AsyncSession, house: House, citizen: Citizen, account: Account, identity: Identity, device_name: str
) -> TokensOut:
    await _take_over(db, account, identity, house.crypto)
    tokens = await _open(db, house, account, identity, device_name)
    await accounts.move_devices(db, citizen.session_id, tokens.session_id)
    await sessions.end(db, house.revocations, [citizen.session_id])
    accounts.note(db, citizen, "eid-linked", "account", account.id, account_id=account.id)
    return tokens


async def _find(db: AsyncSession, crypto: Crypto, identity: Identity) -> Account | None:
    """By the subject, else by the personal number (a new provider, the same person)."""
    person = (Account.eid_issuer == identity.issuer) & (Account.eid_subject == identity.subject)
    number = Account.number_index == crypto.index(NUMBER, identity.number)
    found = await db.scalars(select(Account).where(or_(person, number)).with_for_update().limit(2))
    accounts = found.all()
    if len(accounts) > 1:
        raise IdentityTaken
    return accounts[0] if accounts else None


def _new(identity: Identity) -> Account:
    return Account(
        id=new_id(), full_name=identity.full_name, level=0, language="vi", created_at=datetime.now(UTC), version=0
    )


async def _take_over(db: AsyncSession, account: Account, identity: Identity, crypto: Crypto) -> None:
    """What the state says of a person goes before what the person typed."""
    if (account.eid_issuer, account.eid_subject) != _person(identity):
        account.eid_refresh_sealed = None
    account.former_number_index = None
    account.eid_issuer, account.eid_subject = _person(identity)
    person = await person_keys.make(db, crypto, account.id)
    index = crypto.index(NUMBER, identity.number)
    if account.number_index != index:
        account.number_index, account.number_sealed = index, person.encrypt(NUMBER, identity.number)
    account.full_name, account.birth_date = identity.full_name, identity.birth_date
    account.level = max(account.level, identity.level)
    account.version += 1
    vouched(account, identity, person)


def vouched(account: Account, identity: Identity, person: Person) -> None:
    """The provider has just stood behind this person, and perhaps said how to ask again."""
    account.eid_checked_at, account.eid_asked_at = datetime.now(UTC), None
    sealed = person.encrypt(EID_REFRESH, identity.refresh_token) if identity.refresh_token else None
    account.eid_refresh_sealed = sealed or account.eid_refresh_sealed


def _person(identity: Identity) -> tuple[str, str]:
    return identity.issuer, identity.subject
