"""The national eID speaks first: a logout there, an identity suspended or good again. Each signal works once.

A logout ends the sessions that the eID opened or raised; those of a phone code or a passkey alone go on. A suspension ends
every session of the account, and nobody signs in until a good sign-in at the eID (`accounts.states`).
"""

import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import service as accounts
from app.accounts import states
from app.accounts.models import Account
from app.core import sessions
from app.core.house import House
from app.core.oidc import OidcClient
from app.core.oidc_provider import Read, TokenWrong
from app.core.principals import Nobody
from app.core.sessions import Session
from app.signals import rules
from app.signals.models import Signal
from app.signals.rules import AGE_MAX, DISABLED, RISC, Logout, SignalRefused


async def log_out(house: House, eid: OidcClient, token: str) -> None:
    """OpenID Connect Back-Channel Logout 1.0. Whom we do not know is logged out already. Raises SignalRefused, OutsideUnavailable."""
    settings = house.settings.eid
    asked = rules.logout_of(await _read(eid, token, needs_exp=True), time.time(), settings.clock_skew_s)
    until = datetime.fromtimestamp(asked.expires, UTC) + timedelta(seconds=settings.clock_skew_s)
    async with house.database.transaction() as db:
        account_id = await _account_of(db, settings.issuer, asked)
        if not await _first(db, settings.issuer, asked.jti, "logout", account_id, until):
            return
        if account_id is None:
            return
        ended = await sessions.end_upstream(db, house.revocations, account_id, asked.upstream)
        await accounts.forget_devices(db, ended)
        if ended:
            accounts.note(
                db, Nobody(), "eid-logged-out", "account", account_id, account_id=account_id, ended=len(ended)
            )


async def hear(house: House, eid: OidcClient, token: str) -> None:
    """A security event token (RFC 8417) of the provider. What it says of somebody we do not know, or what we do not act on, is
    taken and changes nothing; so does what is older than the eID's last word. Raises SignalRefused, OutsideUnavailable.
    """
    settings = house.settings.eid
    read = await _read(eid, token, needs_exp=False)
    event = rules.event_of(read, settings.issuer, time.time(), settings.clock_skew_s)
    until = datetime.now(UTC) + AGE_MAX + timedelta(seconds=2 * settings.clock_skew_s)
    async with house.database.transaction() as db:
        account = await _holder(db, settings.issuer, event.subject) if event.subject else None
        account_id = account.id if account else None
        if not await _first(db, settings.issuer, event.jti, event.kind or "other", account_id, until):
            return
        if account is None or not event.kind:
            return
        known = account.eid_checked_at
        stale = known is not None and event.at + settings.clock_skew_s < known.timestamp()
        accounts.note(db, Nobody(), f"eid-{event.kind}", "account", account.id, account_id=account.id, heeded=not stale)
        if RISC + event.kind == DISABLED and not stale:
            account.eid_refresh_sealed = None
            await states.suspend_for_eid(db, house.revocations, account.id)


async def forget_old(db: AsyncSession) -> None:
    await db.execute(delete(Signal).where(Signal.until < datetime.now(UTC)))


async def _read(eid: OidcClient, token: str, *, needs_exp: bool) -> Read:
    try:
        return await eid.read(token, needs_exp=needs_exp)
    except TokenWrong as wrong:
        raise SignalRefused(reason=str(wrong)) from wrong


async def _first(db: AsyncSession, issuer: str, jti: str, kind: str, account_id: UUID | None, until: datetime) -> bool:
    """Whether this signal was not taken before; two at once are one."""
    row = {"issuer": issuer, "jti": jti, "kind": kind, "account_id": account_id, "at": datetime.now(UTC)}
    made = insert(Signal).values(until=until, **row).on_conflict_do_nothing().returning(Signal.jti)
    return await db.scalar(made) is not None


async def _account_of(db: AsyncSession, issuer: str, asked: Logout) -> UUID | None:
    if asked.subject:
        account = await _holder(db, issuer, asked.subject)
        return account.id if account else None
    owner = select(Session.subject_id).where(Session.upstream == asked.upstream, Session.audience == "citizen")
    return await db.scalar(owner.limit(1))


async def _holder(db: AsyncSession, issuer: str, subject: str) -> Account | None:
    """The account of an identity, locked."""
    mine = select(Account).where(Account.eid_issuer == issuer, Account.eid_subject == subject)
    return await db.scalar(mine.with_for_update())
