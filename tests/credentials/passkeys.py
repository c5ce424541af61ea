"""What residents do with passkeys, for the tests."""

from typing import Any

from app.accounts import states
from app.accounts.models import Account
from app.accounts.rules import State
from app.core.house import House
from app.core.principals import Nobody
from sandbox.phone import Resident, moments
from tests.credentials.authenticator import Authenticator

REGISTER, ADD = "/v1/citizen/passkey-registrations", "/v1/citizen/passkeys"
BEGIN, SIGN_IN = "/v1/public/passkey-sign-ins", "/v1/public/passkey-sessions"


async def add(resident: Resident, key: Authenticator, name: str = "Điện thoại", **wrong: Any) -> dict[str, Any]:
    options = await resident.post(REGISTER)
    return await resident.post(ADD, {"name": name, "credential": key.create(options, **wrong)})


async def refused_addition(resident: Resident, key: Authenticator, status: int = 422, **wrong: Any) -> str:
    options = await resident.post(REGISTER)
    body = {"name": "Điện thoại", "credential": key.create(options, **wrong)}
    problem = await resident.post(ADD, body, status=status)
    assert await resident.get(ADD) == []
    return problem["code"]


async def sign_in(resident: Resident, key: Authenticator, **wrong: Any) -> dict[str, Any]:
    options = await resident.post(BEGIN)
    tokens = await resident.post(SIGN_IN, {"credential": key.get(options, **wrong), "device_name": "Máy của tôi"})
    resident.keep(tokens)
    return tokens


async def refused_sign_in(resident: Resident, key: Authenticator, status: int = 422, **wrong: Any) -> dict[str, Any]:
    options = await resident.post(BEGIN)
    return await resident.post(SIGN_IN, {"credential": key.get(options, **wrong)}, status=status)


async def trail(house: House, resident: Resident) -> list[str]:
    account_id = (await resident.get("/v1/citizen/me"))["id"]
    rows = await house.database.hot.fetch(
        "SELECT action FROM audit_entry WHERE account_id = $1 ORDER BY id", account_id
    )
    return [row["action"] for row in rows]


async def told(resident: Resident, title: str) -> bool:
    """Whether the inbox has it, as soon as it does; the worker may have much to do before."""
    async for _ in moments(30):
        if any(title in one["title"] for one in (await resident.get("/v1/citizen/messages"))["items"]):
            return True
    return False


async def age_challenges(house: House, resident: Resident | None = None) -> None:
    """As if six minutes had passed since those of one session were made; of nobody's session, if none is given."""
    session_id = resident.session_id if resident else None
    await house.database.hot.execute(
        "UPDATE passkey_challenge SET created_at = created_at - interval '6 minutes' WHERE session_id IS NOT DISTINCT FROM $1",
        session_id,
    )


async def reset(house: House, resident: Resident) -> None:
    """Bring the account of somebody who is signed in into reset-required."""
    await bring(house, (await resident.get("/v1/citizen/me"))["id"], State.RESET_REQUIRED)


async def bring(house: House, account_id: str, state: State) -> None:
    async with house.database.transaction() as db:
        account = await db.get_one(Account, account_id, with_for_update=True)
        await states.change(db, house.revocations, account, state, Nobody(), "lost phone")
