"""Builders: defaults for everything, so that a test says only what it is about."""

import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx2

from app.accounts.models import Account
from app.core import sessions
from app.core.auth import claims_of
from app.core.house import House
from app.core.ids import new_id
from app.core.principals import Citizen, Grant, Where
from app.core.principals import Officer as OfficerPrincipal
from app.departments.models import Officer as OfficerRow
from app.departments.models import OfficerGrant
from app.departments.queries import principal
from sandbox.phone import Client, Officer, Resident, picture

PLACE = {"lat": 21.0295, "lon": 105.8460, "area_code": "00070"}
HANDLER = frozenset({"ticket.see", "ticket.accept", "ticket.reject", "ticket.handle", "ticket.answer", "ticket.sender"})
EVERYWHERE = ""
"""In place of a department: the whole city."""


class Make:
    def __init__(self, house: House, api: httpx2.AsyncClient, outside: httpx2.AsyncClient) -> None:
        self.house = house
        self._api = api
        self._outside = outside
        self._pictures = 0

    async def citizen(self, level: int = 0, proved_ago_s: float = 0.0) -> Resident:
        """Somebody with an account and a session, who proved so long ago who they are."""
        facts = {"level": level, "auth_time": time.time() - proved_ago_s, "amr": ["eid"]}
        account_id = new_id()
        async with self.house.database.transaction() as db:
            row = Account(id=account_id, full_name="Nguyễn Văn An", level=level, language="vi", version=1)
            row.eid_issuer, row.eid_subject, row.created_at = "tests", str(account_id), datetime.now(UTC)
            db.add(row)
            opened = sessions.open_session(db, self.house, "citizen", account_id, facts, "test")
        who = Citizen(account_id, opened.session.id, level, facts["auth_time"])
        client = self._signed_in(Resident, sessions.tokens_of(self.house, who, opened))
        client.id = account_id
        return client

    async def session(self, account_id: UUID, level: int = 0) -> Resident:
        """One more session of an account."""
        facts = {"level": level, "auth_time": time.time(), "amr": ["eid"]}
        async with self.house.database.transaction() as db:
            opened = sessions.open_session(db, self.house, "citizen", account_id, facts, "test")
        who = Citizen(account_id, opened.session.id, level, facts["auth_time"])
        return self._signed_in(Resident, sessions.tokens_of(self.house, who, opened))

    async def officer(
        self, *departments: str, acts: frozenset[str] | None = None, role: str = "handler", areas: tuple[str, ...] = ()
    ) -> Officer:
        """Somebody who holds a role in these departments, or EVERYWHERE, and in these areas, with a session.

        They work for the first department. With `acts`, their first token allows these, whatever the role.
        """
        roles = [(role, one or None, None) for one in departments] + [(role, None, one) for one in areas]
        officer = await self.officer_with(*roles, unit=next((one for one in departments if one), "TTPVHCC"))
        if acts is not None:
            city = EVERYWHERE in departments
            where = Where(frozenset(departments) - {EVERYWHERE}, frozenset(areas), city)
            who = OfficerPrincipal(officer.id, officer.session_id, departments[0], (Grant(acts, where),))
            officer.token = self.house.keys.issue(claims_of(who), "officer", 600)
        return officer

    async def officer_with(
        self, *grants: tuple[str, str | None, str | None], unit: str = "TTPVHCC", subject: str = "", name: str = ""
    ) -> Officer:
        """Somebody who holds roles (role, department, area) as the seeds say what these allow, with a session."""
        officer_id, now = new_id(), datetime.now(UTC)
        async with self.house.database.transaction() as db:
            row = OfficerRow(id=officer_id, issuer="tests", subject=subject or str(officer_id), active=True)
            row.full_name, row.department_code, row.created_at = name or "Trần Thị Bình", unit, now
            db.add(row)
            await db.flush()
            for role, department, area in grants:
                made = OfficerGrant(id=new_id(), officer_id=officer_id, role_code=role, department_code=department)
                made.area_code, made.starts_at, made.granted_at, made.reason = area, now, now, "tests"
                db.add(made)
            opened = sessions.open_session(db, self.house, "officer", officer_id, {"amr": ["pwd", "otp"]}, "test")
            await db.flush()
            tokens = sessions.tokens_of(self.house, await principal(db, row, opened.session.id), opened)
        client = self._signed_in(Officer, tokens)
        client.id = officer_id
        return client

    def partner(self) -> Client:
        client = Client(self._api, self._outside)
        claims = {"sub": str(new_id()), "scope": "tickets"}
        client.token = self.house.keys.issue(claims, "partner", 600)
        return client

    def nobody(self) -> Client:
        return Client(self._api, self._outside)

    def resident(self) -> Resident:
        """Somebody not signed in yet."""
        return Resident(self._api, self._outside)

    def staff(self) -> Officer:
        return Officer(self._api, self._outside)

    def picture(self) -> bytes:
        self._pictures += 1
        return picture(self._pictures, (160, 120))

    async def photo(self, who: Client, door: str = "citizen") -> str:
        return await who.photo(f"/v1/{door}/photos", self.picture())

    def new_ticket(self, **changed: Any) -> dict[str, Any]:
        """What a resident sends to file one."""
        return {
            "category_code": "GT-OGM",
            "description": "Ổ gà lớn giữa đường, xe máy dễ ngã.",
            "place": dict(PLACE),
        } | changed

    async def ticket(self, citizen: Client, **changed: Any) -> dict[str, Any]:
        return await citizen.post("/v1/citizen/tickets", self.new_ticket(**changed))

    async def moved(self, officer: Client, ticket: dict[str, Any], to: str, **more: Any) -> dict[str, Any]:
        return await self.act(officer, ticket, "moves", {"to": to, **more})

    async def answered(self, officer: Client, ticket: dict[str, Any]) -> dict[str, Any]:
        """Accepted and answered with a photo."""
        await self.moved(officer, ticket, "accepted")
        proof = await self.photo(officer, "officer")
        return await self.act(officer, ticket, "answers", {"text": "Đã sửa xong trong đêm.", "photo_ids": [proof]})

    async def act(
        self, officer: Client, ticket: dict[str, Any], act: str, body: dict[str, Any], status: int = 201
    ) -> dict[str, Any]:
        path = f"/v1/officer/tickets/{ticket['id']}"
        tag = (await officer.call("GET", path, status=200)).headers["etag"]
        return await officer.post(f"{path}/{act}", body, headers={"If-Match": tag}, status=status)

    def _signed_in(self, kind: type[Any], tokens: sessions.TokensOut) -> Any:
        client = kind(self._api, self._outside)
        client.token, client.refresh_token = tokens.access_token, tokens.refresh_token
        client.session_id = tokens.session_id
        return client
