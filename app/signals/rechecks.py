"""Asking the national eID again whether the people who use the app are still who they were; a suspension of which nobody told
us is found so. For whom, how often and how many: ADR 9."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import structlog
from msgspec import Struct
from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import states
from app.accounts.models import Account
from app.accounts.rules import EID_REFRESH, SIGNED_IN
from app.core import person_keys
from app.core.crypto import Crypto
from app.core.db import Database
from app.core.errors import OutsideUnavailable
from app.core.oidc import GrantOver, OidcClient
from app.core.person_keys import Person, Shredded
from app.core.revocations import Revocations
from app.core.sessions import Session
from app.core.settings import Settings
from app.signals.rules import ASKED_AGAIN, RECHECK_EVERY

AT_ONCE = 10
LONGEST_S = 40.0
"""Of a run; the job may take a minute."""

log = structlog.get_logger()


class Due(Struct, frozen=True):
    """Whom to ask about, and with what."""

    account_id: UUID
    issuer: str
    subject: str
    sealed: bytes
    refresh_token: str


class Answer(Struct, frozen=True):
    kind: Literal["good", "over", "unknown"]
    refresh_token: str = ""


async def take(db: AsyncSession, crypto: Crypto, settings: Settings) -> Sequence[Due]:
    """Those who hold an access token, and of whom the eID's last word is too old, the oldest first; no more than may be asked
    about until the next run. Nobody else takes them meanwhile. Who was asked about in vain stands behind the others."""
    now = datetime.now(UTC)
    used = select(Session.subject_id).where(
        Session.audience == "citizen",
        Session.ended_at.is_(None),
        Session.rotated_at > now - timedelta(seconds=settings.tokens.access_ttl_s),
    )
    period = timedelta(seconds=settings.rechecks.period_s)
    word = func.greatest(Account.eid_checked_at, Account.eid_asked_at)
    due = (
        select(Account.id, word.label("word"))
        .where(
            Account.id.in_(used),
            Account.eid_refresh_sealed.is_not(None),
            Account.state.in_(SIGNED_IN),
            or_(Account.eid_checked_at.is_(None), Account.eid_checked_at <= now - period),
            or_(Account.eid_asked_at.is_(None), Account.eid_asked_at <= now - ASKED_AGAIN),
        )
        .order_by(word.nulls_first())
        .limit(int(settings.rechecks.per_s * RECHECK_EVERY.total_seconds()))
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    taken = update(Account).where(Account.id == due.c.id).values(eid_asked_at=now)
    columns = (Account.id, Account.eid_issuer, Account.eid_subject, Account.eid_refresh_sealed, due.c.word)
    found = (await db.execute(taken.returning(*columns))).all()
    rows = sorted(found, key=lambda row: row[4].timestamp() if row[4] else 0.0)
    persons = await person_keys.persons(db, crypto, [row[0] for row in rows])
    return [Due(row[0], row[1] or "", row[2] or "", row[3] or b"", _opened(persons[row[0]], row[3])) for row in rows]


async def ask(
    database: Database, revocations: Revocations, crypto: Crypto, eid: OidcClient, due: Sequence[Due], per_s: int
) -> int:
    """Ask about each, no faster than agreed, and write each answer down as it comes; how many were no longer good.

    Ends early where the provider does not answer, or takes its time: those it did not speak of stay as they are, and are asked
    about again.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + LONGEST_S
    over = 0
    for start in range(0, len(due), AT_ONCE):
        began, some = loop.time(), due[start : start + AT_ONCE]
        answers = await asyncio.gather(*(_ask_one(eid, one) for one in some))
        for one, answer in zip(some, answers, strict=True):
            async with database.transaction() as db:
                over += await record(db, revocations, crypto, one, answer)
        if loop.time() > until or all(answer.kind == "unknown" for answer in answers):
            log.warning("national eID not asked again", left=len(due) - start)
            break
        await asyncio.sleep(max(0.0, began + len(some) / per_s - loop.time()))
    return over


async def record(db: AsyncSession, revocations: Revocations, crypto: Crypto, due: Due, answer: Answer) -> bool:
    """Whether the identity is no longer good. An answer about an older sign-in than the account's newest says nothing."""
    account = await db.get(Account, due.account_id, with_for_update=True)
    if answer.kind == "unknown" or account is None or account.eid_refresh_sealed != due.sealed:
        return False
    account.eid_asked_at = None
    if answer.kind == "over":
        account.eid_refresh_sealed = None
        await states.suspend_for_eid(db, revocations, account.id)
        return True
    if answer.refresh_token != due.refresh_token:
        person = await person_keys.person(db, crypto, account.id)
        account.eid_refresh_sealed = person.encrypt(EID_REFRESH, answer.refresh_token)
    await states.checked(db, account.id)
    return False


def _opened(person: Person, sealed: bytes | None) -> str:
    """Empty, and so nobody the provider knows, for somebody who was forgotten."""
    try:
        return person.decrypt(EID_REFRESH, sealed) if sealed else ""
    except Shredded:
        return ""


async def _ask_one(eid: OidcClient, due: Due) -> Answer:
    if not due.refresh_token:
        return Answer("unknown")
    try:
        return Answer("good", await eid.ask_again(due.refresh_token, due.subject))
    except GrantOver:
        return Answer("over")
    except OutsideUnavailable:
        return Answer("unknown")
