"""A phone and a console as HTTP clients: what a resident's app and an officer's browser do. For the demo and the tests."""

import asyncio
import io
import uuid
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from PIL import Image, ImageDraw


class Unexpected(Exception):
    """The city answered something else than it should."""


class Client:
    """Somebody with a token, talking to the API."""

    def __init__(self, api: httpx2.AsyncClient, outside: httpx2.AsyncClient) -> None:
        self.api = api
        self.outside = outside
        self.token = ""
        self.refresh_token = ""
        self.session_id: Any = None
        self.id: Any = None

    async def get(self, path: str, *, status: int = 200) -> Any:
        return (await self.call("GET", path, status=status)).json()

    async def post(self, path: str, body: Any = None, *, status: int = 201, **more: Any) -> Any:
        return (await self.call("POST", path, json=body, status=status, **more)).json()

    async def call(
        self,
        method: str,
        path: str,
        *,
        status: int,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> httpx2.Response:
        """One request with the token, and for a POST with a fresh idempotency key unless one is given."""
        sent = dict(headers or {})
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        if method == "POST":
            sent["Idempotency-Key"] = f'"{key or uuid.uuid4()}"'
        if more.get("json", ...) is None:
            del more["json"]
        answer = await self.api.request(method, path, headers=sent, **more)
        if answer.status_code != status:
            raise Unexpected(f"{method} {path} answered {answer.status_code}: {answer.text[:500]}")
        return answer

    async def photo(self, path: str, picture: bytes) -> str:
        """Upload a picture; its id."""
        answer = await self.call("POST", path, status=201, content=picture)
        return answer.json()["id"]

    def keep(self, tokens: dict[str, Any]) -> None:
        self.token, self.refresh_token = tokens["access_token"], tokens["refresh_token"]

    async def choose(self, url: str, person: str, **form: str) -> dict[str, str]:
        """On the provider's page, be somebody; what the browser brings back."""
        answer = await self.outside.post(url, data={"person": person, **form}, follow_redirects=False)
        if answer.status_code != 303:
            raise Unexpected(f"the provider answered {answer.status_code}: {answer.text[:300]}")
        back = parse_qs(urlsplit(answer.headers["location"]).query)
        return {name: back[name][0] for name in ("code", "state") if name in back}


class Resident(Client):
    async def sign_in_by_phone(self, phone: str) -> None:
        """Ask for a code, read it in the SMS, hand it back."""
        await self.post("/v1/public/phone-codes", {"phone": phone}, status=202)
        self.keep(await self.post("/v1/public/sessions", {"phone": phone, "code": await self.read_code(phone)}))

    async def read_code(self, phone: str) -> str:
        """The code in the newest SMS to this phone, as soon as it is there."""
        return (await eventually(self.outside, "/sms/messages", {"to": phone}))[0]["text"][:6]

    async def sign_in_by_eid(self, person: str, level: int = 2) -> None:
        begun = await self.post("/v1/public/eid-sign-ins", {"level": level})
        self.keep(await self.post("/v1/public/eid-sessions", await self.choose(begun["url"], person)))

    async def get_phone(self, name: str = "demo") -> str:
        """A phone that rings; its registration token."""
        phone: dict[str, str] = (await self.outside.post("/phones", json={"name": name})).json()
        device = {"kind": "token", "value": phone["token"], "platform": "android", "name": name}
        await self.post("/v1/citizen/devices", device)
        return phone["token"]


class Officer(Client):
    async def sign_in(self, person: str, **form: str) -> None:
        begun = await self.post("/v1/public/officer-sign-ins")
        self.keep(await self.post("/v1/public/officer-sessions", await self.choose(begun["url"], person, **form)))


async def eventually(
    outside: httpx2.AsyncClient, path: str, params: dict[str, str] | None = None, least: int = 1
) -> Any:
    """A list of the sandbox, as soon as it has so many entries. Raises Unexpected after ten seconds."""
    async for _ in moments(10):
        found = (await outside.get(path, params=params)).json()
        if len(found) >= least:
            return found
    raise Unexpected(f"nothing arrived at {path}")


async def moments(seconds: float) -> AsyncGenerator[None]:
    """Look, wait a little, look again, until the time is over."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while loop.time() < until:
        yield
        await asyncio.sleep(0.03)


def picture(number: int = 0, size: tuple[int, int] = (800, 600)) -> bytes:
    """A JPEG of its own: neighbouring numbers differ by more than the compression takes away."""
    drawn = Image.new("RGB", size, (number * 37 % 256, number // 7 * 37 % 256, number // 49 * 37 % 256))
    ImageDraw.Draw(drawn).ellipse((size[0] // 4, size[1] // 4, size[0] // 2, size[1] // 2), fill=(40, 40, 44))
    out = io.BytesIO()
    drawn.save(out, "JPEG", quality=80)
    return out.getvalue()
