"""What tests of the national eID share: somebody who comes back from it, an API of other settings, who there is in the database."""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx2
from msgspec import structs

from app.core.house import House
from app.core.http import Outbound
from app.core.ids import new_id
from app.main.composition import create_app
from sandbox.eid import LOGOUT
from sandbox.phone import Resident


def person(number: int) -> str:
    return f"resident-{number:04d}"


async def come_back(resident: Resident, who: str, level: int = 2) -> dict[str, str]:
    """What the browser brings back from a sign-in at the provider."""
    begun = await resident.post("/v1/public/eid-sign-ins", {"level": level})
    return await resident.choose(begun["url"], who)


async def traces_of(house: House, who: str) -> tuple[int, int]:
    """How many accounts and sessions an identity has left."""
    row = await house.database.hot.fetchrow(
        "SELECT count(DISTINCT a.id) AS accounts, count(s.id) AS sessions FROM account a LEFT JOIN session s"
        " ON s.subject_id = a.id WHERE a.eid_subject = $1",
        who,
    )
    assert row is not None
    return row["accounts"], row["sessions"]


async def signed(outside: httpx2.AsyncClient, claims: dict[str, Any], typ: str, by: str = "") -> str:
    """What the eID would never sign."""
    answer = await outside.post("/identities/tokens", json={"claims": claims, "typ": typ, "by": by})
    return answer.json()["token"]


def envelope(house: House, **changed: Any) -> dict[str, Any]:
    """What every signal says; None takes a claim out."""
    eid = house.settings.eid
    now = int(time.time())
    claims = {"iss": eid.issuer, "aud": eid.client_id, "iat": now, "exp": now + 120, "jti": str(new_id())}
    return {name: value for name, value in (claims | changed).items() if value is not None}


async def logout_token(
    outside: httpx2.AsyncClient, house: House, *, by: str = "", typ: str = "logout+jwt", **changed: Any
) -> str:
    """Of somebody nobody knows, unless told otherwise."""
    claims = {"sub": "nobody-we-know", "events": {LOGOUT: {}}}
    return await signed(outside, envelope(house, **(claims | changed)), typ, by)


@asynccontextmanager
async def api_with(house: House, *, ca_file: str = "", **eid: Any) -> AsyncGenerator[httpx2.AsyncClient]:
    """A process of its own, so to say, which has read nothing of the provider yet."""
    settings = structs.replace(house.settings, eid=structs.replace(house.settings.eid, **eid))
    outbound = Outbound(structs.replace(settings.http, ca_file=ca_file))
    async with create_app(replace(house, settings=settings, outbound=outbound)) as app:
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://khue") as client:
            yield client
    await outbound.close()
