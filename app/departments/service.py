"""Officers come in, by the city's own identity provider with two factors (Law 116/2025), and go out."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core import audit, principals, sessions, sign_ins
from app.core.house import House
from app.core.oidc import Begun, OidcClient
from app.core.sessions import RefreshRefused, TokensOut
from app.core.sign_ins import Returned
from app.departments import queries, rules
from app.departments.models import Officer
from app.departments.rules import NotAnOfficer

PROVIDER = "staff"


async def begin(house: House, staff: OidcClient) -> Begun:
    """Start a sign-in at the identity provider; what must be remembered is kept before the answer."""
    begun = await staff.begin()
    async with house.database.transaction() as db:
        sign_ins.remember(db, PROVIDER, begun)
    return begun


async def finish(house: House, staff: OidcClient, returned: Returned) -> TokensOut:
    """Three beats: recall the begin, ask the provider, open the session.

    Raises SignInRefused, SecondFactorNeeded, NotAnOfficer.
    """
    async with house.database.transaction() as db:
        begun = await sign_ins.recall(db, PROVIDER, returned.state)
    claims = (await staff.finish(returned.code, begun, returned.iss)).claims
    rules.check_factors(rules.methods_of(claims.get("amr")))
    async with house.database.transaction() as db:
        officer = await queries.officer_by_subject(db, claims["iss"], claims["sub"])
        if officer is None or not await _hold(db, officer):
            raise NotAnOfficer
        opened = sessions.open_session(db, house, "officer", officer.id, _facts(claims), returned.device_name)
        principal = await queries.principal(db, officer, opened.session.id)
        audit.record(db, principal, "officer.signed-in", "session", opened.session.id, **opened.session.facts)
        return sessions.tokens_of(house, principal, opened)


async def refresh(house: House, refresh_token: str) -> TokensOut:
    """New tokens; rights are read anew. Raises RefreshRefused."""
    opened = await sessions.rotate(house, "officer", refresh_token)
    async with house.database.transaction() as db:
        officer = await db.get(Officer, opened.session.subject_id)
        if officer is None or not await _hold(db, officer):
            raise RefreshRefused
        principal = await queries.principal(db, officer, opened.session.id)
        return sessions.tokens_of(house, principal, opened)


async def sign_out(db: AsyncSession, house: House, me: principals.Officer, session_id: UUID) -> None:
    """Raises NoSuchSession."""
    await sessions.end_own(db, house, me, session_id)
    audit.record(db, me, "officer.signed-out", "session", session_id)


async def sign_out_everywhere(db: AsyncSession, house: House, me: principals.Officer, *, keep_current: bool) -> None:
    """End all of one's sessions, or all but this one."""
    ended = await sessions.end_all(db, house.revocations, me.id, keep=me.session_id if keep_current else None)
    audit.record(db, me, "officer.signed-out-everywhere", "officer", me.id, ended=len(ended))


async def _hold(db: AsyncSession, officer: Officer) -> bool:
    """Whether the officer is active, held so until the transaction ends.

    Who changes an officer's rights waits for it; so a token with the rights of before was issued before the moment from which
    such tokens are refused.
    """
    await db.refresh(officer, with_for_update={"read": True})
    return officer.active


def _facts(claims: dict[str, Any]) -> dict[str, Any]:
    """What the provider said of how they signed in; of another type than it should be, it is left out."""
    facts: dict[str, Any] = {"amr": rules.methods_of(claims.get("amr"))}
    for name, kinds in (("acr", str), ("auth_time", int | float)):
        if isinstance(claims.get(name), kinds):
            facts[name] = claims[name]
    return facts
