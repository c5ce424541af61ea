"""What officers open of a resident, and the states they bring an account into. Each leaves its reason on the trail.

An account that was deleted is still found by its id; what was sealed with its key is gone.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import rules as accounts
from app.accounts import states
from app.accounts.models import Account
from app.accounts.rules import NUMBER, PHONE, State, StateRefused
from app.core import audit, pages, person_keys, reasons
from app.core.audit import AuditEntry
from app.core.crypto import Crypto, mask
from app.core.person_keys import Person, Shredded
from app.core.principals import Officer
from app.core.revocations import Revocations
from app.desk import rules
from app.desk.schemas import (
    FoundOut,
    Lookup,
    LookupOut,
    NumbersOut,
    ResidentOut,
    SenderOut,
    SignInOut,
    StateChange,
    StateOut,
)

STATES_SHOWN = 200


async def find(db: AsyncSession, crypto: Crypto, me: Officer, lookup: Lookup, reason: str) -> LookupOut:
    """Look one number up. That nobody has it is on the trail as well, the number never. Raises LookupUnclear, BadPhone."""
    by, index = _index(crypto, lookup)
    column = Account.phone_index if by == "phone" else Account.number_index
    found = await db.scalar(select(Account).where(column == index))
    account_id = found.id if found else None
    audit.record(
        db, me, "account.looked-up", "lookup", by, account_id=account_id, reason=reason, found=found is not None
    )
    return LookupOut(account=found and FoundOut(id=found.id, full_name=found.full_name, state=found.state))


async def open_account(db: AsyncSession, crypto: Crypto, me: Officer, account_id: UUID, reason: str) -> ResidentOut:
    """An account, its numbers masked. Raises NoSuchAccount."""
    account = await _opened(db, me, account_id, "account.opened", reason)
    numbers = _numbers(account, await person_keys.person(db, crypto, account.id))
    return ResidentOut(
        id=account.id,
        kind=account.kind,
        full_name=account.full_name,
        phone=numbers.phone and mask(numbers.phone, 5, 3),
        personal_number=numbers.personal_number and mask(numbers.personal_number, 3, 3),
        birth_date=account.birth_date,
        level=account.level,
        language=account.language,
        state=account.state,
        state_reason=account.state_reason,
        state_at=account.state_at,
        merged_into=account.merged_into,
        created_at=account.created_at,
    )


async def unmask(db: AsyncSession, crypto: Crypto, me: Officer, account_id: UUID, reason: str) -> NumbersOut:
    """The numbers in clear. Raises NoSuchAccount."""
    account = await _opened(db, me, account_id, "account.unmasked", reason)
    return _numbers(account, await person_keys.person(db, crypto, account.id))


async def open_sender(
    db: AsyncSession, crypto: Crypto, me: Officer, ticket_id: UUID, account_id: UUID, reason: str
) -> SenderOut:
    """Who sent a ticket that the officer may see."""
    account = await db.get_one(Account, account_id)
    audit.record(db, me, "ticket.sender-opened", "ticket", ticket_id, account_id=account_id, reason=reason)
    numbers = _numbers(account, await person_keys.person(db, crypto, account_id))
    return SenderOut(account_id=account_id, full_name=account.full_name, phone=numbers.phone)


async def sign_ins(
    db: AsyncSession, me: Officer, account_id: UUID, reason: str, cursor: str | None, limit: int
) -> Sequence[AuditEntry]:
    """How and from where an account was used, the newest first. Raises NoSuchAccount, BadCursor."""
    await _opened(db, me, account_id, "account.sign-ins-opened", reason)
    query = select(AuditEntry).where(AuditEntry.account_id == account_id, AuditEntry.action.in_(rules.SIGNED_IN))
    return (
        await db.scalars(pages.after(query, [(AuditEntry.id, UUID)], cursor, descending=True).limit(limit + 1))
    ).all()


def sign_in(entry: AuditEntry) -> SignInOut:
    return SignInOut(at=entry.at, what=entry.action, address=entry.address, facts=entry.facts)


async def history(db: AsyncSession, me: Officer, account_id: UUID, reason: str) -> list[StateOut]:
    """The states an account was in, the newest first. Raises NoSuchAccount."""
    await _opened(db, me, account_id, "account.states-opened", reason)
    changes = select(AuditEntry).where(AuditEntry.account_id == account_id, AuditEntry.action == "state-changed")
    return [_state(one) for one in await db.scalars(changes.order_by(AuditEntry.id.desc()).limit(STATES_SHOWN))]


async def change_state(
    db: AsyncSession, revocations: Revocations, me: Officer, account_id: UUID, change: StateChange
) -> StateOut:
    """Suspend, block, ask for a new proof, or lift it; its holder is told, and no token of before is good any more.

    Raises NoSuchAccount, ReasonNeeded, StateRefused.
    """
    reason = reasons.check(change.reason)
    if reason == accounts.EID_SUSPENDED:  # the house's own word: a sign-in by the eID would lift it
        raise reasons.ReasonNeeded
    account = await db.scalar(select(Account).where(Account.id == account_id).with_for_update())
    if account is None:
        raise rules.NoSuchAccount
    before, to = State(account.state), State(change.to)
    if before not in rules.BY_OFFICERS and to == State.ACTIVE:
        raise StateRefused(now=before, to=to)
    await states.change(db, revocations, account, to, me, reason)
    at = account.state_at or datetime.now(UTC)
    return StateOut(at=at, before=before, after=to, reason=reason, by="officer", officer_id=me.id)


def _index(crypto: Crypto, lookup: Lookup) -> tuple[str, bytes]:
    match lookup:
        case Lookup(phone=str(phone), personal_number=None):
            return "phone", crypto.index(PHONE, accounts.parse_phone(phone))
        case Lookup(phone=None, personal_number=str(number)):
            return "personal-number", crypto.index(NUMBER, number)
        case _:
            raise rules.LookupUnclear


async def _opened(db: AsyncSession, me: Officer, account_id: UUID, action: str, reason: str) -> Account:
    account = await db.get(Account, account_id)
    if account is None:
        raise rules.NoSuchAccount
    audit.record(db, me, action, "account", account_id, account_id=account_id, reason=reason)
    return account


def _numbers(account: Account, person: Person) -> NumbersOut:
    return NumbersOut(
        phone=_unsealed(person, PHONE, account.phone_sealed),
        personal_number=_unsealed(person, NUMBER, account.number_sealed),
    )


def _unsealed(person: Person, purpose: str, sealed: bytes | None) -> str | None:
    try:
        return person.decrypt(purpose, sealed) if sealed else None
    except Shredded:
        return None


def _state(entry: AuditEntry) -> StateOut:
    return StateOut(
        at=entry.at,
        before=entry.facts.get("before", ""),
        after=entry.facts.get("after", ""),
        reason=entry.reason,
        by=entry.actor_kind,
        officer_id=entry.actor_id if entry.actor_kind == "officer" else None,
    )
