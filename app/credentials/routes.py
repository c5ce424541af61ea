"""Signing in over HTTP, and proving anew who one is."""

from typing import Any

from litestar import Request, delete, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from app.core import guards
from app.core.door import Db
from app.core.guards import TheCitizen, proves
from app.core.house import House
from app.core.oidc import OidcClient
from app.core.sessions import AccessOut, TokensOut
from app.credentials import codes, identities, proofs
from app.credentials.schemas import (
    AskCode,
    BeginEid,
    BeginProof,
    BegunOut,
    CodeSentOut,
    NewSession,
    PhoneProof,
    ProofReturned,
    Returned,
)

TheHouse = NamedDependency[House]
TheEid = NamedDependency[OidcClient]

LINK_AGE_S, UNLINK_AGE_S = 600, 300
"""How old the proof may be for a change of what the account stands on."""


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


@post(
    "/eid-link-begins",
    guards=[proves(0, LINK_AGE_S)],
    opt={"once_exempt": "remembers a state that only its own return can use"},
)
async def begin_eid_link(data: JSONBody[BeginEid], me: TheCitizen, house: TheHouse, eid: TheEid) -> BegunOut:
    """Begin to tie the national eID to my account. Whoever finds my phone unlocked cannot: it needs a sign-in or proof of the
    last minutes."""
    begun = await identities.begin(house, eid, data.level, me.id)
    return BegunOut(url=begun.url, state=begun.state)


@post("/eid-links", opt={"once_exempt": "the provider's code and the state work once"})
async def link_eid(data: JSONBody[Returned], me: TheCitizen, house: TheHouse, eid: TheEid) -> TokensOut:
    """Tie the national eID to my account; the new tokens have its level, the old session ends."""
    return await identities.link(house, eid, me, data)


@delete("/eid-link", guards=[proves(2, UNLINK_AGE_S)])
async def unlink_eid(me: TheCitizen, db: Db, house: TheHouse) -> None:
    """Take the national eID and the personal number off my account; sessions that the eID opened or raised end, also this one.

    It has legal effect (NĐ 69/2024), so it needs level 2, proved just now; and a phone number to sign in with afterwards.
    """
    await identities.unlink(db, house, me)


@post("/eid-proof-begins", opt={"once_exempt": "remembers a state that only its own return can use"})
async def begin_eid_proof(data: JSONBody[BeginProof], me: TheCitizen, house: TheHouse, eid: TheEid) -> BegunOut:
    """Begin to prove anew, by the national eID, who I am: the answer to a 401 that says `insufficient_user_authentication`."""
    begun = await proofs.begin_eid(house, eid, me, data)
    return BegunOut(url=begun.url, state=begun.state)


@post("/eid-proofs", opt={"once_exempt": "the provider's code and the state work once"})
async def prove_by_eid(data: JSONBody[ProofReturned], me: TheCitizen, house: TheHouse, eid: TheEid) -> AccessOut:
    """Finish the proof: an access token of the level proved. The session goes on at that level."""
    return await proofs.prove_by_eid(house, eid, me, data)


@post(
    "/phone-proof-codes", status_code=202, opt={"once_exempt": "a newer code replaces the older; numbers have a rate"}
)
async def ask_proof_code(request: Request[Any, Any, Any], me: TheCitizen, house: TheHouse) -> CodeSentOut:
    """Have a code sent to my own phone, to prove anew who I am."""
    return CodeSentOut(expires_at=await proofs.send_code(house, me, guards.address_of(request)))


@post("/phone-proofs", opt={"once_exempt": "a code works once"})
async def prove_by_phone(data: JSONBody[PhoneProof], me: TheCitizen, house: TheHouse) -> AccessOut:
    """Hand in that code: an access token of level 0, as fresh as now. It never raises a level, nor renews the proof of one."""
    return await proofs.prove_by_code(house, me, data.code)


public = [ask_phone_code, open_session, begin_eid_sign_in, open_eid_session]
citizen = [
    begin_eid_link,
    link_eid,
    unlink_eid,
    begin_eid_proof,
    prove_by_eid,
    ask_proof_code,
    prove_by_phone,
]
