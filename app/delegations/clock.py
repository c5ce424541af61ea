"""What the clock does with delegations: it ends those whose time is over, and has the registries asked again."""

from datetime import UTC, date, datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account
from app.core import outbox, person_keys
from app.core.crypto import Crypto
from app.core.person_keys import Shredded
from app.core.principals import Nobody
from app.delegations import proofs, rules, service
from app.delegations.models import Business, Delegation
from app.delegations.registries import Guardianship, Position, Registries
from app.delegations.rules import IdentityNeeded, Kind, Reason, State

CLOSED_AT_ONCE = 200
ASKED_AT_ONCE = 500


class Question(Struct, frozen=True):
    """What a registry is asked again about one delegation."""

    kind: Kind
    person: str
    of: str
    """The child's personal number, or the tax code."""
    born: date
    """Of a child; nothing of a business."""


async def close_due(db: AsyncSession) -> None:
    """End what is over, let lapse what nobody accepted; both sides are told. May run twice; what is left over runs next."""
    now = datetime.now(UTC)
    over = and_(Delegation.state == State.ACTIVE, Delegation.ends_at <= now)
    lapsed = and_(Delegation.state == State.PENDING, Delegation.invited_until <= now)
    query = select(Delegation.id, Delegation.account_id).where(or_(over, lapsed)).order_by(Delegation.account_id)
    due = (await db.execute(query.limit(CLOSED_AT_ONCE))).all()
    for delegation_id, account_id in due:
        await service.lock(db, account_id)
        await service.settled(db, await db.get_one(Delegation, delegation_id, populate_existing=True))
    if len(due) == CLOSED_AT_ONCE:
        outbox.put(db, rules.CLOSE_JOB)


async def ask_due(db: AsyncSession) -> None:
    """A job for each delegation whose registry is to be asked again; it comes up once a period."""
    now = datetime.now(UTC)
    due = select(Delegation).where(Delegation.state == State.ACTIVE, Delegation.recheck_at <= now)
    found = await db.scalars(due.order_by(Delegation.recheck_at).limit(ASKED_AT_ONCE).with_for_update(skip_locked=True))
    for one in found.all():
        one.recheck_at = now + rules.RECHECKED[Kind(one.kind)]
        outbox.put(db, rules.ASK_JOB, delegation_id=one.id)


async def to_ask(db: AsyncSession, crypto: Crypto, delegation_id: UUID) -> Question | None:
    """None when there is nothing to ask: it is over, one of the two is gone, or what names them is not known any more."""
    one = await db.get(Delegation, delegation_id)
    if one is None or one.state != State.ACTIVE or one.delegate_id is None or one.recheck_at is None:
        return None
    try:
        person = await proofs.own_number(db, crypto, one.delegate_id)
        if one.kind == Kind.GUARDIAN:
            born = await db.scalar(select(Account.birth_date).where(Account.id == one.account_id))
            child = await proofs.own_number(db, crypto, one.account_id)
            return Question(Kind.GUARDIAN, person, child, born) if born else None
        sealed = await db.scalar(select(Business.code_sealed).where(Business.account_id == one.account_id))
        business = await person_keys.person(db, crypto, one.account_id)
        return Question(Kind.BUSINESS, person, business.decrypt(rules.TAX_CODE, sealed), date.min) if sealed else None
    except (IdentityNeeded, Shredded):
        return None


async def ask(registries: Registries, question: Question) -> Guardianship | Position | None:
    """Raises OutsideUnavailable."""
    if question.kind == Kind.BUSINESS:
        return await registries.position(question.of, question.person)
    return await registries.guardianship(question.person, question.of, question.born)


async def answered(
    db: AsyncSession, crypto: Crypto, timezone: str, delegation_id: UUID, said: Guardianship | Position | None
) -> None:
    """Confirm, or end what is no longer so. May run twice."""
    account_id = await db.scalar(select(Delegation.account_id).where(Delegation.id == delegation_id))
    if account_id is None:
        return
    if isinstance(said, Position):
        await proofs.keep_business(db, crypto, said)
    await service.lock(db, account_id)
    one = await db.get_one(Delegation, delegation_id, populate_existing=True)
    if one.state != State.ACTIVE or one.delegate_id is None or await service.settled(db, one):
        return
    if said is None or (isinstance(said, Position) and said.business.status != "active"):
        await service.close(db, one, State.ENDED, Nobody(), Reason.ROLE_LOST)
    elif isinstance(said, Position):
        await service.confirm(db, one, proofs.of_business(one.delegate_id, one.account_id, said))
    else:
        await service.confirm(db, one, proofs.of_guardian(one.delegate_id, one.account_id, said, timezone))
