"""Signing in over HTTP."""

from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from app.core import guards
from app.core.guards import TheCitizen
from app.core.house import House
from app.core.oidc import OidcClient
from app.core.sessions import TokensOut
from app.credentials import codes, identities
from app.credentials.schemas import AskCode, BeginEid, BegunOut, CodeSentOut, NewSession, Returned

TheHouse = NamedDependency[House]
TheEid = NamedDependency[OidcClient]


@post("/phone-codes", status_code=202, opt={"once_exempt": "a newer code replaces the older; numbers have a rate"})
async def ask_phone_code(data: JSONBody[AskCode], request: Request[Any, Any, Any], house: TheHouse) -> CodeSentOut:
    """Have a sign-in code sent to a phone. The answer does not tell whether the number has an account."""
    return CodeSentOut(expires_at=await codes.ask(house, data, guards.address_of(request)))


@post("/sessions", opt={"once_exempt": "a code works once"})
async def open_session(data: JSONBody[NewSession], house: TheHouse) -> TokensOut:
    """Sign in with the code from the phone; the first time, this makes the account."""
    return await codes.sign_in(house, data)


@post("/eid-sign-ins", opt={"once_exempt": "remembers a state that only its own return can use"})
async def begin_eid_sign_in(data: JSONBody[BeginEid], house: TheHouse, eid: TheEid) -> BegunOut:
    """Begin a sign-in at the national eID, asking for level 1 or 2."""
    begun = await identities.begin(house, eid, data.level)
    return BegunOut(url=begun.url, state=begun.state)


@post("/eid-sessions", opt={"once_exempt": "the provider's code and the state work once"})
async def open_eid_session(data: JSONBody[Returned], house: TheHouse, eid: TheEid) -> TokensOut:
    """Finish a sign-in at the national eID."""
    return await identities.sign_in(house, eid, data)


@post("/eid-link-begins", opt={"once_exempt": "remembers a state that only its own return can use"})
async def begin_eid_link(data: JSONBody[BeginEid], me: TheCitizen, house: TheHouse, eid: TheEid) -> BegunOut:
    """Begin to tie the national eID to my account."""
    begun = await identities.begin(house, eid, data.level, me.id)
    return BegunOut(url=begun.url, state=begun.state)


@post("/eid-links", opt={"once_exempt": "the provider's code and the state work once"})
async def link_eid(data: JSONBody[Returned], me: TheCitizen, house: TheHouse, eid: TheEid) -> TokensOut:
    """Tie the national eID to my account; the new tokens have its level, the old session ends."""
    return await identities.link(house, eid, me, data)


public = [ask_phone_code, open_session, begin_eid_sign_in, open_eid_session]
citizen = [begin_eid_link, link_eid]
