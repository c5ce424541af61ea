"""One person, one account: who proves by the eID that another account is theirs too may have the two merged.

The account that holds the identity stays: what the state vouches for is bound to it. The other is closed and points to it.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import rules, service
from app.accounts.models import Account, Device, MergeOffer
from app.accounts.rules import MERGE_TTL, MERGED_JOB, PHONE, MergeRefused, NoMergeOffer, State
from app.core import audit, outbox, person_keys, sessions
from app.core.crypto import Crypto, mask
from app.core.house import House
from app.core.ids import new_id
from app.core.person_keys import Person
from app.core.principals import Citizen
from app.core.sessions import Session

Belongings = Mapping[str, Callable[[AsyncSession, UUID], Awaitable[int]]]
"""What each slice would hand over, by its name, to be counted for the resident."""


class Proof(Struct, frozen=True):
    """What was proved at the eID, when, and the session there."""

    level: int
    at: datetime
    upstream: str


async def offer(db: AsyncSession, citizen: Citizen, account: Account, survivor: Account, proof: Proof) -> MergeOffer:
    """Both locked. A newer offer replaces an older one. Raises MergeRefused."""
    _check(account, survivor)
    await db.execute(delete(MergeOffer).where(MergeOffer.account_id == account.id))
    now = datetime.now(UTC)
    made = MergeOffer(
        id=new_id(),
        account_id=account.id,
        survivor_id=survivor.id,
        session_id=citizen.session_id,
        level=proof.level,
        proved_at=proof.at,
        upstream=proof.upstream,
        expires_at=now + MERGE_TTL,
    )
    db.add(made)
    await db.flush()
    return made


async def described(db: AsyncSession, crypto: Crypto, offer: MergeOffer, belongings: Belongings) -> dict[str, Any]:
    """What the resident is asked: which account goes, which stays, what moves."""
    account, survivor = await db.get_one(Account, offer.account_id), await db.get_one(Account, offer.survivor_id)
    persons = await person_keys.persons(db, crypto, [account.id, survivor.id])
    return {
        "offer_id": offer.id,
        "expires_at": offer.expires_at,
        "closes": {"phone": _masked(account, persons[account.id]), "created_at": account.created_at},
        "stays": {"phone": _masked(survivor, persons[survivor.id]), "created_at": survivor.created_at},
        "moves": {name: await count(db, account.id) for name, count in belongings.items()},
    }


async def accept(db: AsyncSession, house: House, citizen: Citizen, offer_id: UUID, phone: str | None) -> MergeOffer:
    """The resident's yes, once: their account is closed with its sessions, the other has taken over its phone.

    What other slices hold follows by a job. Locks the account that goes before the one that stays, as a link does.
    Raises NoMergeOffer, MergeRefused.
    """
    offer = await _taken(db, citizen, offer_id)
    account = await db.get_one(Account, offer.account_id, with_for_update=True)
    survivor = await db.get_one(Account, offer.survivor_id, with_for_update=True)
    _check(account, survivor)
    now = datetime.now(UTC)
    await _join_phones(db, house.crypto, account, survivor, phone)
    account.state, account.state_reason, account.state_at = State.CLOSED, "merged", now
    account.merged_into = survivor.id
    await _pass_on(db, house.crypto, account, survivor)
    account.version += 1
    survivor.version += 1
    await sessions.end_all(db, house.revocations, account.id)
    audit.record(db, citizen, "merged", "account", survivor.id, account_id=account.id)
    service.note(db, citizen, "merged", "account", account.id, account_id=survivor.id)
    under_way = timedelta(seconds=house.settings.tokens.access_ttl_s)
    for due_at in (now, now + under_way):  # once more for what was under way and committed after the first
        outbox.put(db, MERGED_JOB, due_at=due_at, account_id=account.id)
    return offer


async def move_phones(db: AsyncSession, offer: MergeOffer, session_id: UUID) -> None:
    """The phone in the resident's hand rings for the account that stays; the others have been signed out."""
    here = update(Device).where(Device.session_id == offer.session_id)
    await db.execute(here.values(account_id=offer.survivor_id, session_id=session_id))
    await db.execute(delete(Device).where(Device.account_id == offer.account_id))


async def decline(db: AsyncSession, citizen: Citizen, offer_id: UUID) -> None:
    """Raises NoMergeOffer."""
    await _taken(db, citizen, offer_id)


async def merged_into(db: AsyncSession, account_id: UUID) -> UUID | None:
    account = await db.get(Account, account_id)
    return account.merged_into if account is not None else None


async def finish(db: AsyncSession, account_id: UUID, under_way: timedelta) -> None:
    """When nothing can be under way any more, the key of the account that went goes, too. May run twice."""
    account = await db.get_one(Account, account_id)
    if account.state_at is not None and account.state_at + under_way <= datetime.now(UTC):
        await person_keys.shred(db, account_id)


async def forget_old(db: AsyncSession) -> None:
    await db.execute(delete(MergeOffer).where(MergeOffer.expires_at < datetime.now(UTC)))


async def _taken(db: AsyncSession, citizen: Citizen, offer_id: UUID) -> MergeOffer:
    """The offer made to this account in this session; two at once, one gets it."""
    mine = (MergeOffer.account_id == citizen.id) & (MergeOffer.session_id == citizen.session_id)
    alive = MergeOffer.expires_at > datetime.now(UTC)
    taken = await db.scalar(delete(MergeOffer).where(MergeOffer.id == offer_id, mine, alive).returning(MergeOffer))
    if taken is None:
        raise NoMergeOffer
    session = await db.get(Session, citizen.session_id, with_for_update=True)
    if session is None or session.ended_at is not None:
        raise NoMergeOffer
    return taken


def _check(account: Account, survivor: Account) -> None:
    """Nobody slips out of a suspension or a block by merging, and only what has no identity of its own is merged away.

    Raises MergeRefused, NoMergeOffer.
    """
    for one in (account, survivor):
        if one.state != State.ACTIVE:
            raise MergeRefused(state=one.state)
    if account.former_number_index not in (None, survivor.number_index):
        raise NoMergeOffer
    if account.number_index is not None or account.kind != "person" or survivor.number_index is None:
        raise NoMergeOffer


async def _join_phones(
    db: AsyncSession, crypto: Crypto, account: Account, survivor: Account, chosen: str | None
) -> None:
    """The number that is chosen stands at the survivor; the other still leads there. Both are sealed with its key."""
    person = await person_keys.make(db, crypto, survivor.id)
    if account.phone_sealed is None or account.phone_index is None:
        return
    absorbed = await person_keys.person(db, crypto, account.id)
    mine = account.phone_index, person.encrypt(PHONE, absorbed.decrypt(PHONE, account.phone_sealed))
    other = survivor.phone_index, survivor.phone_sealed
    if other[0] is None or chosen == "mine":
        mine, other = other, mine
        account.phone_index = account.phone_sealed = survivor.phone_index = survivor.phone_sealed = None
        await db.flush()
    account.phone_index, account.phone_sealed = mine
    survivor.phone_index, survivor.phone_sealed = other
    await db.flush()


async def _pass_on(db: AsyncSession, crypto: Crypto, account: Account, survivor: Account) -> None:
    """What was merged into the account that goes belongs to the one that stays, so that one step always leads there."""
    earlier = (await db.scalars(select(Account).where(Account.merged_into == account.id).with_for_update())).all()
    if not earlier:
        return
    old, new = await person_keys.person(db, crypto, account.id), await person_keys.make(db, crypto, survivor.id)
    for one in earlier:
        one.merged_into = survivor.id
        if one.phone_sealed is not None:
            one.phone_sealed = new.encrypt(PHONE, old.decrypt(PHONE, one.phone_sealed))


def _masked(account: Account, person: Person) -> str | None:
    return mask(person.decrypt(rules.PHONE, account.phone_sealed), 5, 3) if account.phone_sealed else None
