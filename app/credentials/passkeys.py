"""Passkeys: register, sign in, prove again, name, remove.

A passkey proves the assurance level of the session it was registered in, and no more (docs/adr/0008). A session remembers the
passkey that opened or raised it last, and ends with it.
"""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import profiles
from app.accounts import service as accounts
from app.accounts.models import Account, of_person
from app.accounts.rules import Method
from app.core import person_keys, sessions
from app.core.house import House
from app.core.ids import new_id
from app.core.principals import Citizen, Nobody
from app.core.sessions import AccessOut, Session, TokensOut
from app.credentials import ceremony, rules, schemas, service
from app.credentials.ceremony import Answer, Signed
from app.credentials.models import Passkey, PasskeyChallenge
from app.credentials.rules import CHALLENGE_TTL, Ceremony, PasskeyDisabled, PasskeyRefused
from app.credentials.schemas import Assertion, CreationOptionsOut, PasskeyOut, RequestOptionsOut

TAKE_SQL = """
DELETE FROM passkey_challenge WHERE challenge_hash = $1 AND ceremony = $2
    AND account_id IS NOT DISTINCT FROM $3::uuid AND session_id IS NOT DISTINCT FROM $4::uuid
RETURNING created_at
"""


async def begin_registration(db: AsyncSession, house: House, citizen: Citizen) -> CreationOptionsOut:
    """Options for a new passkey; the authenticator is told which of mine it may hold already."""
    account = await db.get_one(Account, citizen.id)
    known = [one for one in await own(db, citizen) if _usable(one, account)]
    shown = profiles.shown(account, citizen, await person_keys.person(db, house.crypto, citizen.id))
    challenge, settings = _remember(db, Ceremony.REGISTRATION, citizen), house.settings.passkeys
    return ceremony.creation_options(
        settings, challenge, _handle(house, citizen.id), shown.full_name or shown.phone or settings.rp_name, known
    )


async def add(db: AsyncSession, house: House, citizen: Citizen, new: schemas.NewPasskey) -> PasskeyOut:
    """Keep a passkey that was just made, at the level of this session.

    Raises PasskeyMalformed, ChallengeUnknown, WrongOrigin, UserNotVerified, PasskeyRefused, TooManyPasskeys, PasskeyTaken, RefreshRefused.
    """
    answer = ceremony.read(new.credential)
    await _take(house, Ceremony.REGISTRATION, answer.challenge, citizen)
    verified = ceremony.registered(house.settings.passkeys, answer, new.credential)
    account = await db.get_one(Account, citizen.id, with_for_update=True)
    await sessions.alive(
        db, citizen.session_id
    )  # what ended it may have made passkeys void just before this one is made
    counted = await db.scalar(select(func.count()).select_from(Passkey).where(Passkey.account_id == citizen.id))
    if (counted or 0) >= rules.PASSKEYS_MAX:
        raise rules.TooManyPasskeys(most=rules.PASSKEYS_MAX)
    made = insert(Passkey).values(
        id=new_id(),
        account_id=citizen.id,
        credential_id=verified.credential_id,
        public_key=verified.credential_public_key,
        user_handle=_handle(house, citizen.id),
        sign_count=verified.sign_count,
        level=citizen.level,
        name=new.name,
        transports=sorted(rules.TRANSPORTS.intersection(new.credential.response.transports)),
        synced=verified.credential_device_type == "multi_device",
        backed_up=verified.credential_backed_up,
        created_at=datetime.now(UTC),
    )
    made = made.on_conflict_do_nothing(index_elements=["credential_id"]).returning(Passkey)
    passkey = await db.scalar(made)
    if passkey is None:
        raise rules.PasskeyTaken
    _note(db, citizen, "passkey-added", passkey)
    return shown(passkey, account)


async def begin_sign_in(house: House, address: str) -> RequestOptionsOut:
    """Options that name nobody. Raises TooManyRequests."""
    rate = rules.passkey_rate(house.settings.limits.passkeys_per_address)
    (await house.limits.spend(rate, address)).check()
    async with house.database.transaction() as db:
        challenge = _remember(db, Ceremony.SIGN_IN)
    return ceremony.request_options(house.settings.passkeys, challenge)


async def sign_in(house: House, asked: schemas.PasskeySignIn) -> TokensOut:
    """Open a session at the level that the passkey proves.

    Raises PasskeyMalformed, ChallengeUnknown, WrongOrigin, UserNotVerified, PasskeyRefused, PasskeyDisabled, AccountShut.
    """
    answer = ceremony.read(asked.credential)
    await _take(house, Ceremony.SIGN_IN, answer.challenge)
    async with house.database.transaction() as db:
        found = await _proved(db, house, answer, asked.credential)
        if found is not None:
            passkey, account = found
            level = _level(passkey, account)
            tokens = await service.open_session(db, house, account, Method.PASSKEY, level, asked.device_name)
            await _tie(db, tokens.session_id, passkey)
            return tokens
    raise PasskeyDisabled


async def begin_proof(
    db: AsyncSession, house: House, citizen: Citizen, asked: schemas.BeginPasskeyProof
) -> RequestOptionsOut:
    """Options that name my passkeys of this level and of this session's at least. Raises NoPasskey."""
    level = max(asked.level, (await sessions.alive(db, citizen.session_id)).facts["level"])
    account = await db.get_one(Account, citizen.id)
    fitting = [one for one in await own(db, citizen) if _usable(one, account) and _level(one, account) >= level]
    if not fitting:
        raise rules.NoPasskey(level=level)
    challenge = _remember(db, Ceremony.PROOF, citizen)
    return ceremony.request_options(house.settings.passkeys, challenge, fitting)


async def prove(house: House, citizen: Citizen, credential: Assertion) -> AccessOut:
    """Prove again who I am, with a passkey of mine: this session has its level from now on, if that is not lower.

    Raises as `sign_in`, and PasskeyTooWeak: what was proved at a lower level does not renew a higher one.
    """
    answer = ceremony.read(credential)
    await _take(house, Ceremony.PROOF, answer.challenge, citizen)
    async with house.database.transaction() as db:
        found = await _proved(db, house, answer, credential, citizen)
        if found is not None:
            level = _level(*found)
            needed = (await sessions.alive(db, citizen.session_id)).facts["level"]
            if level < needed:
                raise rules.PasskeyTooWeak(level=level, needed=needed)
            access = await service.prove(db, house, citizen, Method.PASSKEY, level)
            await _tie(db, access.session_id, found[0])
            return access
    raise PasskeyDisabled


async def own(db: AsyncSession, citizen: Citizen) -> Sequence[Passkey]:
    """The oldest first."""
    return (await db.scalars(select(Passkey).where(Passkey.account_id == citizen.id).order_by(Passkey.id))).all()


async def listed(db: AsyncSession, citizen: Citizen) -> list[PasskeyOut]:
    account = await db.get_one(Account, citizen.id)
    return [shown(one, account) for one in await own(db, citizen)]


async def rename(db: AsyncSession, citizen: Citizen, passkey_id: UUID, name: str) -> PasskeyOut:
    """Raises NoSuchPasskey."""
    passkey = await db.scalar(
        select(Passkey).where(Passkey.id == passkey_id, Passkey.account_id == citizen.id).with_for_update()
    )
    if passkey is None:
        raise rules.NoSuchPasskey
    passkey.name = name
    _note(db, citizen, "passkey-renamed", passkey)
    return shown(passkey, await db.get_one(Account, citizen.id))


async def remove(db: AsyncSession, house: House, citizen: Citizen, passkey_id: UUID) -> None:
    """It opens nothing any more, and the sessions tied to it end, but for the one that asks. Raises NoSuchPasskey."""
    gone = await db.scalar(
        delete(Passkey).where(Passkey.id == passkey_id, Passkey.account_id == citizen.id).returning(Passkey)
    )
    if gone is None:
        raise rules.NoSuchPasskey
    await _end_sessions(db, house, gone, keep=citizen.session_id)
    _note(db, citizen, "passkey-removed", gone)


async def forget_old(db: AsyncSession) -> None:
    """Challenges that nobody can answer any more."""
    old = PasskeyChallenge.created_at < datetime.now(UTC) - CHALLENGE_TTL
    await db.execute(delete(PasskeyChallenge).where(old))


async def erase(db: AsyncSession, account_id: UUID) -> None:
    """The account is closed: nobody comes by these any more, nor by those of accounts that were merged into it."""
    closed = select(Account.id).where(of_person(account_id))
    await db.execute(delete(Passkey).where(Passkey.account_id.in_(closed)))


def shown(passkey: Passkey, account: Account) -> PasskeyOut:
    return PasskeyOut(
        id=passkey.id,
        name=passkey.name,
        level=_level(passkey, account),
        transports=passkey.transports,
        synced=passkey.synced,
        backed_up=passkey.backed_up,
        created_at=passkey.created_at,
        last_used_at=passkey.last_used_at,
        usable=_usable(passkey, account),
    )


def _remember(db: AsyncSession, purpose: Ceremony, citizen: Citizen | None = None) -> bytes:
    """A new challenge, for one ceremony of one session or of whoever comes."""
    challenge = secrets.token_bytes(32)
    db.add(
        PasskeyChallenge(
            challenge_hash=ceremony.hash_of(challenge),
            ceremony=purpose,
            account_id=citizen.id if citizen else None,
            session_id=citizen.session_id if citizen else None,
            created_at=datetime.now(UTC),
        )
    )
    return challenge


async def _take(house: House, purpose: Ceremony, challenge: bytes, citizen: Citizen | None = None) -> None:
    """Use a challenge up, whatever becomes of the answer: a transaction of its own. Raises ChallengeUnknown."""
    account_id, session_id = (citizen.id, citizen.session_id) if citizen else (None, None)
    made_at = await house.database.hot.fetchval(
        TAKE_SQL, ceremony.hash_of(challenge), str(purpose), account_id, session_id
    )
    if made_at is None or made_at < datetime.now(UTC) - CHALLENGE_TTL:
        raise rules.ChallengeUnknown


async def _proved(
    db: AsyncSession, house: House, answer: Answer, credential: Assertion, citizen: Citizen | None = None
) -> tuple[Passkey, Account] | None:
    """The passkey that signed, locked with its account, its use written down; of `citizen`, if one is named.

    None for one that seems to have been copied: it is disabled, which must outlive the refusal. Raises WrongOrigin,
    UserNotVerified, PasskeyRefused, PasskeyDisabled; the last only to who holds the key.
    """
    found = await _find(db, answer.credential_id, citizen)
    signed = ceremony.signed(house.settings.passkeys, answer, credential, found[0].public_key if found else None)
    if found is None or not _fits(found[0], signed, named=citizen is not None):
        raise PasskeyRefused
    passkey = found[0]
    if not _usable(*found):
        raise PasskeyDisabled
    if rules.went_back(passkey.sign_count, signed.count):
        passkey.disabled_at = datetime.now(UTC)
        await _end_sessions(db, house, passkey)
        _note(db, citizen or Nobody(), "passkey-disabled", passkey, seen=passkey.sign_count, signed=signed.count)
        return None
    passkey.sign_count, passkey.backed_up, passkey.last_used_at = signed.count, signed.backed_up, datetime.now(UTC)
    return found


async def _find(db: AsyncSession, credential_id: bytes, citizen: Citizen | None) -> tuple[Passkey, Account] | None:
    query = select(Passkey, Account).join(Account, Account.id == Passkey.account_id)
    query = query.where(
        Passkey.credential_id == credential_id, *([Passkey.account_id == citizen.id] if citizen else [])
    )
    row = (await db.execute(query.with_for_update())).one_or_none()
    return (row[0], row[1]) if row else None


def _fits(passkey: Passkey, signed: Signed, *, named: bool) -> bool:
    """WebAuthn L3 §7.2: an authenticator that was told no account names it; what may be synced stays so."""
    handle = signed.handle or (passkey.user_handle if named else b"")
    return handle == passkey.user_handle and signed.synced == passkey.synced


def _usable(passkey: Passkey, account: Account) -> bool:
    """Neither copied, nor registered before the account had to be secured anew."""
    return passkey.disabled_at is None and (account.reset_at is None or passkey.created_at > account.reset_at)


def _level(passkey: Passkey, account: Account) -> int:
    return min(passkey.level, account.level)


def _handle(house: House, account_id: UUID) -> bytes:
    """The same for all passkeys of an account, so that an authenticator replaces its own; by our key, so that it tells nothing."""
    return house.crypto.index("passkey.user", str(account_id))


async def _tie(db: AsyncSession, session_id: UUID, passkey: Passkey) -> None:
    session = await db.get_one(Session, session_id)
    session.facts = session.facts | {"passkey_id": str(passkey.id)}


async def _end_sessions(db: AsyncSession, house: House, passkey: Passkey, keep: UUID | None = None) -> None:
    tied = Session.facts["passkey_id"].astext == str(passkey.id)
    alive = select(Session.id).where(Session.subject_id == passkey.account_id, Session.ended_at.is_(None), tied)
    ended = [one for one in await db.scalars(alive) if one != keep]
    await sessions.end(db, house.revocations, ended)
    await accounts.forget_devices(db, ended)


def _note(db: AsyncSession, who: Citizen | Nobody, action: str, passkey: Passkey, **facts: Any) -> None:
    accounts.note(db, who, action, "passkey", passkey.id, account_id=passkey.account_id, level=passkey.level, **facts)
