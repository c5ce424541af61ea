"""Signing in over HTTP."""

from typing import Any
from uuid import UUID

from litestar import Request, delete, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from app.accounts import merging
from app.accounts import queries as account_queries
from app.accounts.merging import Belongings
from app.accounts.schemas import AccountOut
from app.core import guards
from app.core.door import Db
from app.core.guards import TheCitizen
from app.core.house import House
from app.core.oidc import OidcClient
from app.core.sessions import AccessOut, TokensOut
from app.credentials import codes, identities, phones
from app.credentials.rules import FRESH_S
from app.credentials.schemas import (
    Agreed,
    AskCode,
    AskOwnCode,
    BeginEid,
    BegunOut,
    CodeSentOut,
    NewPhone,
    NewSession,
    PhoneProof,
    Returned,
)

TheHouse = NamedDependency[House]
TheBelongings = NamedDependency[Belongings]
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
async def begin_eid_sign_in(
    data: JSONBody[BeginEid], request: Request[Any, Any, Any], house: TheHouse, eid: TheEid
) -> BegunOut:
    """Begin a sign-in at the national eID, asking for level 1 or 2."""
    begun = await identities.begin(house, eid, data.level, guards.address_of(request))
    return BegunOut(url=begun.url, state=begun.state)


@post("/eid-sessions", opt={"once_exempt": "the provider's code and the state work once"})
async def open_eid_session(data: JSONBody[Returned], house: TheHouse, eid: TheEid) -> TokensOut:
    """Finish a sign-in at the national eID."""
    return await identities.sign_in(house, eid, data)


@post("/eid-link-begins", opt={"once_exempt": "remembers a state that only its own return can use"})
async def begin_eid_link(
    data: JSONBody[BeginEid], me: TheCitizen, request: Request[Any, Any, Any], house: TheHouse, eid: TheEid
) -> BegunOut:
    """Begin to tie the national eID to my account."""
    begun = await identities.begin(house, eid, data.level, guards.address_of(request), me.id)
    return BegunOut(url=begun.url, state=begun.state)


@post("/eid-links", opt={"once_exempt": "the provider's code and the state work once"})
async def link_eid(
    data: JSONBody[Returned], me: TheCitizen, house: TheHouse, eid: TheEid, belongings: TheBelongings
) -> TokensOut:
    """Tie the national eID to my account; the new tokens have its level, the old session ends.

    If I have another account with it, the answer is 409 `merge-offered` with an `offer_id` and what a merge would do.
    """
    return await identities.link(house, eid, me, data, belongings)


@post("/account-merges", opt={"once_exempt": "an offer works once"})
async def merge_accounts(data: JSONBody[Agreed], me: TheCitizen, house: TheHouse) -> TokensOut:
    """Yes to a merge offer: this account is closed, the new tokens are those of the account with the national eID."""
    return await identities.merge(house, me, data)


@delete("/account-merges/{offer_id:uuid}")
async def decline_merge(offer_id: FromPath[UUID], me: TheCitizen, db: Db) -> None:
    """No to a merge offer: both accounts stay as they are."""
    await merging.decline(db, me, offer_id)


@post("/phone-codes", status_code=202, opt={"once_exempt": "a newer code replaces the older; numbers have a rate"})
async def ask_own_phone_code(
    data: JSONBody[AskOwnCode], me: TheCitizen, request: Request[Any, Any, Any], house: TheHouse
) -> CodeSentOut:
    """Have a code sent to a new number for my account or, without one, to the number it has."""
    return CodeSentOut(expires_at=await phones.ask(house, me, data, guards.address_of(request)))


@post("/phone-proofs", opt={"once_exempt": "a code works once"})
async def prove_phone(data: JSONBody[PhoneProof], me: TheCitizen, house: TheHouse) -> AccessOut:
    """Prove again that I am the holder of the account's phone; the new access token says so."""
    return await phones.prove(house, me, data.code)


@post(
    "/phone-changes",
    status_code=200,
    guards=[guards.proves(0, FRESH_S)],
    opt={"once_exempt": "a code works once, and the same number again is no change"},
)
async def change_phone(data: JSONBody[NewPhone], me: TheCitizen, house: TheHouse) -> AccountOut:
    """Change the account's phone, with the code sent to the new number. The old number is told."""
    account, person = await phones.change(house, me, data)
    return account_queries.shown(account, me, person)


public = [ask_phone_code, open_session, begin_eid_sign_in, open_eid_session]
citizen = [
    begin_eid_link,
    link_eid,
    merge_accounts,
    decline_merge,
    ask_own_phone_code,
    prove_phone,
    change_phone,
]
