"""`make demo`: the whole story over HTTP against a running city; exit 0 only if each step is what it should be."""

import asyncio
import json
import os
import random
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
from rich.console import Console

from sandbox.phone import Officer, Resident, Unexpected, eventually, picture

PLACE = {"lat": 21.0295, "lon": 105.8460}
"""Phố Hàng Bông, by Hoàn Kiếm lake."""
CATEGORY = "GT-OGM"
UNIT = "SO-XD"
OFFICER = "officer-0002"


class Story:
    def __init__(self, resident: Resident, officer: Officer, outside: httpx2.AsyncClient, console: Console) -> None:
        self._resident = resident
        self._officer = officer
        self._outside = outside
        self._console = console
        self._number = 0
        self.phone = f"+8491{random.randrange(10**7):07d}"  # noqa: S311
        self.token = ""
        self.ticket: dict[str, Any] = {}

    async def tell(self) -> None:
        steps: list[tuple[str, Callable[[], Awaitable[str]]]] = [
            ("A resident signs in with a code from an SMS", self._sign_in),
            ("and proves who they are with the national eID (level 2)", self._prove),
            ("Their phone is ready to ring", self._register),
            ("They find the ward of the place", self._find_area),
            ("They file a ticket with a photo", self._file),
            ("The phone confirms", self._hear("Đã gửi phản ánh")),
            ("An officer of that unit signs in with two factors and finds it", self._find),
            ("accepts it: the clock of the resolution starts", self._accept),
            ("The phone rings", self._hear("đã được tiếp nhận")),
            ("The officer answers with a photo of the fix", self._answer),
            ("The phone rings", self._hear("đã có kết quả")),
            ("The resident looks at the proof and rates", self._rate),
            ("The history shows all of it", self._history),
        ]
        for said, step in steps:
            self._number += 1
            facts = await step()
            self._console.print(f"[green]{self._number:2}.[/] [bold]{said}[/]\n    {facts}")

    async def _sign_in(self) -> str:
        await self._resident.sign_in_by_phone(self.phone)
        account = await self._resident.get("/v1/citizen/me")
        check(account["level"] == 0, "a phone proves level 0")
        return f"account {account['id']}, phone {account['phone']}, level {account['level']}"

    async def _prove(self) -> str:
        begun = await self._resident.post("/v1/citizen/eid-link-begins", {"level": 2})
        person = f"resident-{random.randrange(501, 249_000) * 4 + 1:04d}"  # noqa: S311
        back = await self._resident.choose(begun["url"], person)
        self._resident.keep(await self._resident.post("/v1/citizen/eid-links", back))
        account = await self._resident.get("/v1/citizen/me")
        check(account["level"] == 2, "the eID proves level 2")
        return f"{account['full_name']}, personal number {account['personal_number']}, level {account['level']}"

    async def _register(self) -> str:
        self.token = await self._resident.get_phone()
        return f"FCM token {self.token[:20]}…"

    async def _find_area(self) -> str:
        near = await self._resident.get(f"/v1/public/areas/nearest?lat={PLACE['lat']}&lon={PLACE['lon']}")
        return "nearest: " + ", ".join(f"{one['area']['full_name']} ({one['distance_m']} m)" for one in near)

    async def _file(self) -> str:
        near = await self._resident.get(f"/v1/public/areas/nearest?lat={PLACE['lat']}&lon={PLACE['lon']}")
        photo = await self._resident.photo("/v1/citizen/photos", picture(random.randrange(10**6)))  # noqa: S311
        new = {
            "category_code": CATEGORY,
            "description": "Ổ gà lớn giữa phố Hàng Bông, xe máy dễ ngã khi trời mưa.",
            "address": "Gần số 12 phố Hàng Bông",
            "place": PLACE | {"area_code": near[0]["area"]["code"]},
            "photo_ids": [photo],
        }
        key = f"demo-{photo}"
        self.ticket = await self._resident.post("/v1/citizen/tickets", new, key=key)
        again = await self._resident.post("/v1/citizen/tickets", new, key=key)
        check(again == self.ticket, "the same key gives the same ticket")
        check(self.ticket["unit"]["code"] == UNIT, f"the unit is {UNIT}")
        check(not self.ticket["place"]["approximate"], "the ward is confirmed")
        deadline = await self._resident.get(f"/v1/citizen/tickets/{self.ticket['id']}/deadline")
        return (
            f"{self.ticket['code']} (id {self.ticket['id']}), sent twice, filed once\n"
            f"    unit: {self.ticket['unit']['name']}, because {self.ticket['routed_by']}\n"
            f"    accept by {local(self.ticket['due_at'])} ({deadline['rule']}): {deadline['explained_vi']}"
        )

    def _hear(self, words: str) -> Callable[[], Awaitable[str]]:
        async def hear() -> str:
            for least in range(1, 20):
                found = await eventually(self._outside, f"/phones/{self.token}/messages", least=least)
                said = [one["notification"] for one in found if words in one["notification"]["title"]]
                if said:
                    return f"“{said[0]['title']}”: {said[0]['body']}"
            raise Unexpected(f"no push said {words!r}")

        return hear

    async def _find(self) -> str:
        await self._officer.sign_in(OFFICER)
        me = await self._officer.get("/v1/officer/me")
        found = await self._officer.get(f"/v1/officer/tickets/{self.ticket['id']}")
        inbox = await self._officer.get("/v1/officer/tickets?limit=100")
        check(self.ticket["id"] in {one["id"] for one in inbox["items"]} or inbox.get("next"), "it is in the inbox")
        return f"{me['full_name']} of {me['unit']['code']} sees {found['code']} ({found['status']})"

    async def _accept(self) -> str:
        moved = await self._act("moves", {"to": "accepted", "note": "Đã xác minh tại hiện trường."})
        deadline = await self._officer.get(f"/v1/officer/tickets/{moved['id']}/deadline")
        return f"resolve by {local(moved['due_at'])} ({deadline['rule']}): {deadline['explained_vi']}"

    async def _answer(self) -> str:
        proof = await self._officer.photo("/v1/officer/photos", picture(random.randrange(10**6)))  # noqa: S311
        answered = await self._act("answers", {"text": "Đã vá ổ gà bằng bê tông nhựa trong đêm.", "photo_ids": [proof]})
        check(answered["status"] == "answered", "it is answered")
        return f"“{answered['answer']}”, proof {proof}"

    async def _rate(self) -> str:
        path = f"/v1/citizen/tickets/{self.ticket['id']}"
        shown = await self._resident.get(path)
        proof = await self._resident.call("GET", f"/v1/citizen/photos/{shown['proof_ids'][0]}", status=200)
        rated = await self._resident.post(f"{path}/ratings", {"rating": "satisfied", "comment": "Cảm ơn, xử lý nhanh."})
        check(rated["status"] == "rated", "it is rated")
        return f"proof of {len(proof.content):,} bytes seen; rated {rated['rating']}"

    async def _history(self) -> str:
        events = await self._resident.get(f"/v1/citizen/tickets/{self.ticket['id']}/events")
        said = [event["what"] for event in events]
        check(said == ["filed", "accepted", "answered", "rated"], "the history is whole")
        return " → ".join(f"{event['what']} {local(event['at'])}" for event in events)

    async def _act(self, act: str, body: dict[str, Any]) -> dict[str, Any]:
        path = f"/v1/officer/tickets/{self.ticket['id']}"
        tag = (await self._officer.call("GET", path, status=200)).headers["etag"]
        return await self._officer.post(f"{path}/{act}", body, headers={"If-Match": tag})


def check(fact: object, said: str) -> None:
    if not fact:
        raise Unexpected(f"not so: {said}")


def local(text: str) -> str:
    """On the city's clock, seven hours ahead of UTC all year."""
    moment = datetime.fromisoformat(text)
    return datetime.fromtimestamp(moment.timestamp() + 7 * 3600, moment.tzinfo).strftime("%H:%M %d/%m/%Y")


async def main(console: Console) -> None:
    ports = json.loads((Path(os.environ.get("KHUE_HOME") or ".khue") / "ports.json").read_text())
    api, outside = (
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{ports[name]}", timeout=15) for name in ("api", "sandbox")
    )
    async with api, outside:
        await Story(Resident(api, outside), Officer(api, outside), outside, console).tell()


if __name__ == "__main__":
    screen = Console(highlight=False, soft_wrap=True)
    try:
        asyncio.run(main(screen))
    except (Unexpected, httpx2.HTTPError, OSError) as wrong:
        screen.print(f"[red]✗ {wrong or type(wrong).__name__}[/]\nIs `make run` up?")
        sys.exit(1)
    screen.print("[green]Every step is as it should be.[/]")
