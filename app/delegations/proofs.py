"""What registries prove: a guardian for a child, a person for a business. Three beats: read, ask the registry, write."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import rules as accounts
from app.accounts.models import Account
from app.core import idempotency, person_keys
from app.core.crypto import Crypto
from app.core.db import lock_number
from app.core.house import House
from app.core.idempotency import Answer, Claim
from app.core.ids import new_id
from app.core.person_keys import Shredded
from app.core.principals import Citizen
from app.delegations import queries, rules, service
from app.delegations.models import Business, Delegation
from app.delegations.registries import BUSINESS, POPULATION, Guardianship, Position, Registries
from app.delegations.rules import (
    GuardianshipNotProved,
    IdentityNeeded,
    Kind,
    NumberUnfit,
    OfAge,
    Role,
    RoleNotProved,
    State,
)
from app.delegations.schemas import NewBusiness, NewGuardianship

LEVEL = 2
"""Both are asked for by somebody who has just proved level 2, and answered by the state."""


async def guardianship(house: House, registries: Registries, me: Citizen, new: NewGuardianship, claim: Claim) -> Answer:
    """Take on a child. Raises NumberUnfit, OfAge, IdentityNeeded, GuardianshipNotProved, OutsideUnavailable."""
    born, timezone = new.birth_date, house.settings.timezone
    check_child(new.personal_number, born, rules.today(timezone))
    number = await _begin(house, me, claim)
    said = None if number == new.personal_number else await registries.guardianship(number, new.personal_number, born)
    if said is None:
        raise GuardianshipNotProved

    async def write(db: AsyncSession) -> Delegation:
        child = await _child(db, house.crypto, said)
        return of_guardian(me.id, child.id, said, timezone)

    return await _finish(house, me, claim, write)


async def business(house: House, registries: Registries, me: Citizen, new: NewBusiness, claim: Claim) -> Answer:
    """Take on a business. Raises BadTaxCode, IdentityNeeded, RoleNotProved, OutsideUnavailable."""
    code = rules.parse_tax_code(new.tax_code)
    said = await registries.position(code, await _begin(house, me, claim))
    if said is None or said.business.status != "active":
        raise RoleNotProved

    async def write(db: AsyncSession) -> Delegation:
        return of_business(me.id, await keep_business(db, house.crypto, said), said)

    return await _finish(house, me, claim, write)


def check_child(number: str, born: date, today: date) -> None:
    """What can be seen without asking anybody. Raises NumberUnfit, OfAge."""
    try:
        accounts.check_personal_number(number, born)
    except accounts.BadIdentity as wrong:
        raise NumberUnfit from wrong
    if born > today:
        raise NumberUnfit
    if rules.adult_on(born) <= today:
        raise OfAge


def of_guardian(guardian_id: UUID, child_id: UUID, said: Guardianship, timezone: str) -> Delegation:
    """It ends with the day on which the child is 18."""
    ends_at = rules.midnight(rules.adult_on(said.child.birth_date), timezone)
    return _proved(Kind.GUARDIAN, Role(said.relation), guardian_id, child_id, ends_at, POPULATION, said)


def of_business(person_id: UUID, business_id: UUID, said: Position) -> Delegation:
    """It ends when the registry has not confirmed it for long."""
    ends_at = datetime.now(UTC) + rules.PROOF_KEPT
    return _proved(Kind.BUSINESS, said.kind, person_id, business_id, ends_at, BUSINESS, said)


async def own_number(db: AsyncSession, crypto: Crypto, account_id: UUID) -> str:
    """Raises IdentityNeeded, also for who is shredded."""
    sealed = await db.scalar(select(Account.number_sealed).where(Account.id == account_id))
    if sealed is None:
        raise IdentityNeeded
    try:
        return (await person_keys.person(db, crypto, account_id)).decrypt(accounts.NUMBER, sealed)
    except Shredded as wrong:
        raise IdentityNeeded from wrong


async def keep_business(db: AsyncSession, crypto: Crypto, said: Position) -> UUID:
    """The account of a business with what the registry says of it; made the first time, two at once make one."""
    index = crypto.index(rules.TAX_CODE, said.business.tax_code)
    await db.execute(select(func.pg_advisory_xact_lock(lock_number(index))))
    found = await db.scalar(select(Business).where(Business.code_index == index))
    if found is None:
        account = _account(said.business.name, "business")
        person = await person_keys.make(db, crypto, account.id)
        found = Business(account_id=account.id, code_sealed=person.encrypt(rules.TAX_CODE, said.business.tax_code))
        found.code_index = index
        db.add(account)
        await db.flush()
        db.add(found)
    found.name, found.status = said.business.name, said.business.status
    found.source, found.source_version, found.as_of = BUSINESS, str(said.version), said.as_of
    await db.flush()
    return found.account_id


async def _begin(house: House, me: Citizen, claim: Claim) -> str:
    """Whether it was done before, and who asks. Raises Replayed, IdentityNeeded, TooManyRequests."""
    async with house.database.transaction() as db:
        await idempotency.take(db, claim)
        number = await own_number(db, house.crypto, me.id)
    (await house.limits.spend(rules.ASK_RATE, str(me.id))).check()
    return number


async def _finish(
    house: House, me: Citizen, claim: Claim, write: Callable[[AsyncSession], Awaitable[Delegation]]
) -> Answer:
    async with house.database.transaction() as db:
        await idempotency.take(db, claim)
        proved = await write(db)
        await service.lock(db, proved.account_id)
        one = await service.hold(db, me, proved)
        await db.flush()
        out = (await queries.shown(db, house.crypto, me, [one]))[one.id]
        answer = idempotency.answer_created(out, f"/v1/citizen/delegations/{one.id}")
        await idempotency.keep(db, claim, answer)
    return answer


def _proved(
    kind: Kind,
    role: Role,
    delegate_id: UUID,
    account_id: UUID,
    ends_at: datetime,
    source: str,
    said: Guardianship | Position,
) -> Delegation:
    now = datetime.now(UTC)
    return Delegation(
        id=new_id(),
        kind=kind,
        role=role,
        account_id=account_id,
        delegate_id=delegate_id,
        scopes=sorted(rules.SCOPES[kind]),
        level=LEVEL,
        state=State.ACTIVE,
        begins_at=now,
        ends_at=ends_at,
        end_reason="",
        source=source,
        source_version=str(said.version),
        as_of=said.as_of,
        recheck_at=now + rules.RECHECKED[kind],
        created_at=now,
    )


async def _child(db: AsyncSession, crypto: Crypto, said: Guardianship) -> Account:
    """The child's account by personal number; the first guardian makes it, and the child's own eID leads into it."""
    index = crypto.index(accounts.NUMBER, said.child.number)
    mine = select(Account).where(Account.number_index == index)
    found = await db.scalar(mine)
    if found is not None:
        return found
    child = _account(said.child.full_name, "person")
    person = await person_keys.make(db, crypto, child.id)
    made = insert(Account).values(
        id=child.id,
        full_name=child.full_name,
        birth_date=said.child.birth_date,
        number_index=index,
        number_sealed=person.encrypt(accounts.NUMBER, said.child.number),
        level=child.level,
        language=child.language,
        created_at=child.created_at,
        version=child.version,
    )
    if await db.scalar(made.on_conflict_do_nothing(index_elements=["number_index"]).returning(Account.id)) is None:
        await person_keys.shred(db, child.id)
    return (await db.scalars(mine)).one()


def _account(name: str, kind: str) -> Account:
    """Nobody has proved it yet, and nobody can sign in to it but by what will be proved."""
    return Account(
        id=new_id(), full_name=name, kind=kind, level=0, language="vi", created_at=datetime.now(UTC), version=1
    )
