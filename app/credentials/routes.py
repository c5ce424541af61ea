"""Signing in over HTTP, and proving anew who one is."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from app.accounts import merging, profiles
from app.accounts.merging import Belongings
from app.accounts.schemas import AccountOut
from app.core import guards, wire
from app.core.door import Db
from app.core.guards import TheCitizen, proves
from app.core.house import House
from app.core.idempotency import Once
from app.core.oidc import OidcClient
from app.core.sessions import AccessOut, TokensOut
from app.core.sign_ins import BegunOut, Returned
from app.credentials import codes, identities, passkeys, proofs
from app.credentials.rules import FRESH_S
from app.credentials.schemas import (
    Agreed,
    AskCode,
    BeginEid,
    BeginPasskeyProof,
    BeginProof,
    CodeSentOut,
    CreationOptionsOut,
    NewPasskey,
    NewPhone,
    NewSession,
    PasskeyNamed,
    PasskeyOut,
    PasskeyProof,
    PasskeySignIn,
    PhoneProof,
    ProofReturned,
    RequestOptionsOut,
)

TheHouse = NamedDependency[House]
TheBelongings = NamedDependency[Belongings]
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


@post(
    "/eid-link-begins",
    guards=[proves(0, LINK_AGE_S)],
    opt={"once_exempt": "remembers a state that only its own return can use"},
)
async def begin_eid_link(
    data: JSONBody[BeginEid], me: TheCitizen, request: Request[Any, Any, Any], house: TheHouse, eid: TheEid
) -> BegunOut:
    """Begin to tie the national eID to my account. Whoever finds my phone unlocked cannot: it needs a sign-in or proof of the
    last minutes."""
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
async def ask_new_phone_code(
    data: JSONBody[AskCode], me: TheCitizen, request: Request[Any, Any, Any], house: TheHouse
) -> CodeSentOut:
    """Have a code sent to the number that is to be my account's."""
    return CodeSentOut(expires_at=await proofs.ask_new_phone(house, me, data, guards.address_of(request)))


@post(
    "/phone-changes",
    status_code=200,
    guards=[proves(0, FRESH_S)],
    opt={"once_exempt": "a code works once, and the same number again is no change"},
)
async def change_phone(data: JSONBody[NewPhone], me: TheCitizen, house: TheHouse) -> AccountOut:
    """Change the account's phone, with the code sent to the new number. The old number is told."""
    account, person = await proofs.change_phone(house, me, data)
    return profiles.shown(account, me, person)


@delete("/eid-link", guards=[proves(2, UNLINK_AGE_S)])
async def unlink_eid(me: TheCitizen, db: Db, house: TheHouse) -> None:
    """Take the national eID and the personal number off my account; sessions that the eID opened or raised end, also this one.

    It has legal effect (NĐ 69/2024), so it needs level 2, proved just now; and a phone number to sign in with afterwards.
    """
    await identities.unlink(db, house, me)


@post(
    "/eid-proof-begins",
    opt={"once_exempt": "remembers a state that only its own return can use", "while_closing": True},
)
async def begin_eid_proof(
    data: JSONBody[BeginProof], me: TheCitizen, request: Request[Any, Any, Any], house: TheHouse, eid: TheEid
) -> BegunOut:
    """Begin to prove anew, by the national eID, who I am: the answer to a 401 that says `insufficient_user_authentication`."""
    begun = await proofs.begin_eid(house, eid, me, data, guards.address_of(request))
    return BegunOut(url=begun.url, state=begun.state)


@post("/eid-proofs", opt={"once_exempt": "the provider's code and the state work once", "while_closing": True})
async def prove_by_eid(data: JSONBody[ProofReturned], me: TheCitizen, house: TheHouse, eid: TheEid) -> AccessOut:
    """Finish the proof: an access token of the level proved. The session goes on at that level."""
    return await proofs.prove_by_eid(house, eid, me, data)


@post(
    "/phone-proof-codes",
    status_code=202,
    opt={"once_exempt": "a newer code replaces the older; numbers have a rate", "while_closing": True},
)
async def ask_proof_code(request: Request[Any, Any, Any], me: TheCitizen, house: TheHouse) -> CodeSentOut:
    """Have a code sent to my own phone, to prove anew who I am."""
    return CodeSentOut(expires_at=await proofs.send_code(house, me, guards.address_of(request)))


@post("/phone-proofs", opt={"once_exempt": "a code works once", "while_closing": True})
async def prove_by_phone(data: JSONBody[PhoneProof], me: TheCitizen, house: TheHouse) -> AccessOut:
    """Hand in that code: an access token of level 0, as fresh as now. It never raises a level, nor renews the proof of one."""
    return await proofs.prove_by_code(house, me, data.code)


CHALLENGE = "remembers a challenge that only its own answer can use"


@post("/passkey-sign-ins", opt={"once_exempt": CHALLENGE})
async def begin_passkey_sign_in(request: Request[Any, Any, Any], house: TheHouse) -> RequestOptionsOut:
    """Begin a sign-in by passkey: options for `navigator.credentials.get`, naming no account."""
    return await passkeys.begin_sign_in(house, guards.address_of(request))


@post("/passkey-sessions", opt={"once_exempt": "a challenge works once"})
async def open_passkey_session(data: JSONBody[PasskeySignIn], house: TheHouse) -> TokensOut:
    """Finish a sign-in by passkey. The session has the level that the passkey was registered at."""
    return await passkeys.sign_in(house, data)


@post("/passkey-registrations", guards=[guards.proves(0, FRESH_S)], opt={"once_exempt": CHALLENGE})
async def begin_passkey_registration(me: TheCitizen, db: Db, house: TheHouse) -> CreationOptionsOut:
    """Begin to add a passkey: options for `navigator.credentials.create`. It needs a proof of the last ten minutes."""
    return await passkeys.begin_registration(db, house, me)


@post("/passkeys", guards=[guards.proves(0, FRESH_S)])
async def add_passkey(
    data: JSONBody[NewPasskey], me: TheCitizen, db: Db, house: TheHouse, once: Once
) -> Response[PasskeyOut]:
    """Add the passkey that was made. It will prove the level of this session, never more."""
    added = await passkeys.add(db, house, me, data)
    return wire.created(added, f"/v1/citizen/passkeys/{added.id}")


@get("/passkeys")
async def list_passkeys(me: TheCitizen, db: Db) -> list[PasskeyOut]:
    """My passkeys, the oldest first."""
    return await passkeys.listed(db, me)


@patch("/passkeys/{passkey_id:uuid}")
async def rename_passkey(
    passkey_id: FromPath[UUID], data: JSONBody[PasskeyNamed], me: TheCitizen, db: Db
) -> PasskeyOut:
    """Give a passkey of mine another name."""
    return await passkeys.rename(db, me, passkey_id, data.name)


@delete("/passkeys/{passkey_id:uuid}", opt={"while_closing": True})
async def remove_passkey(passkey_id: FromPath[UUID], me: TheCitizen, db: Db, house: TheHouse) -> None:
    """Remove a passkey of mine. The sessions it opened or raised end at once, but for this one."""
    await passkeys.remove(db, house, me, passkey_id)


@post("/passkey-proof-begins", opt={"once_exempt": CHALLENGE, "while_closing": True})
async def begin_passkey_proof(
    data: JSONBody[BeginPasskeyProof], me: TheCitizen, db: Db, house: TheHouse
) -> RequestOptionsOut:
    """Begin to prove again who I am: options for `navigator.credentials.get`, naming those of my passkeys that would do."""
    return await passkeys.begin_proof(db, house, me, data)


@post("/passkey-proofs", opt={"once_exempt": "a challenge works once", "while_closing": True})
async def prove_by_passkey(data: JSONBody[PasskeyProof], me: TheCitizen, house: TheHouse) -> AccessOut:
    """Finish to prove again who I am: an access token that says when, and at which level (RFC 9470)."""
    return await passkeys.prove(house, me, data.credential)


public = [
    ask_phone_code,
    open_session,
    begin_eid_sign_in,
    open_eid_session,
    begin_passkey_sign_in,
    open_passkey_session,
]
citizen = [
    begin_eid_link,
    link_eid,
    merge_accounts,
    decline_merge,
    unlink_eid,
    ask_new_phone_code,
    change_phone,
    begin_eid_proof,
    prove_by_eid,
    ask_proof_code,
    prove_by_phone,
    begin_passkey_registration,
    add_passkey,
    list_passkeys,
    rename_passkey,
    remove_passkey,
    begin_passkey_proof,
    prove_by_passkey,
]
