"""The national eID's people, and its back office: suspend, reinstate, sign out, turn keys; with a signal to the city or in silence.

`POST /identities/resident-0001/suspensions?tell=false` does it for a program; the page `/identities` has buttons.
"""

import html
import secrets
import time
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import httpx2
from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Struct

from sandbox import people, registries
from sandbox.oidc import Provider
from sandbox.pages import page, table

LOGOUT = "http://schemas.openid.net/event/backchannel-logout"
RISC = "https://schemas.openid.net/secevent/risc/event-type/"
DELIVERY_S = 5.0


class Sent(Struct, frozen=True):
    """A signal, and what the city answered; 0: nobody there."""

    kind: str
    subject: str
    token: str
    status: int
    at: datetime


class ToSign(Struct, frozen=True):
    """Any claims, signed as the eID signs; `by` as in `Ring.sign`."""

    claims: dict[str, Any]
    typ: str = "JWT"
    by: str = ""


class Office:
    """`city` is where the city takes signals."""

    def __init__(self, provider: Provider, city: str) -> None:
        self.provider = provider
        self.sent: deque[Sent] = deque(maxlen=500)
        self._city = city.rstrip("/")

    async def suspend(self, subject: str, *, tell: bool) -> Sent | None:
        self.provider.suspended.add(subject)
        return await self._event("account-disabled", subject, tell=tell)

    async def reinstate(self, subject: str, *, tell: bool) -> Sent | None:
        self.provider.suspended.discard(subject)
        return await self._event("account-enabled", subject, tell=tell)

    async def sign_out(self, subject: str) -> Sent:
        """Everywhere, of this person."""
        claims = self._envelope() | {"sub": subject, "exp": int(time.time()) + 120, "events": {LOGOUT: {}}}
        token = self.provider.ring.sign(claims, "logout+jwt")
        form = f"logout_token={token}".encode()
        return await self._send("logout", subject, "eid-logouts", token, form, "application/x-www-form-urlencoded")

    async def _event(self, kind: str, subject: str, *, tell: bool) -> Sent | None:
        if not tell:
            return None
        named = {"format": "iss_sub", "iss": self.provider.issuer, "sub": subject}
        claims = self._envelope() | {"sub_id": named, "events": {RISC + kind: {"subject": named}}}
        token = self.provider.ring.sign(claims, "secevent+jwt")
        return await self._send(kind, subject, "eid-events", token, token.encode(), "application/secevent+jwt")

    def _envelope(self) -> dict[str, Any]:
        provider = self.provider
        return {
            "iss": provider.issuer,
            "aud": provider.client_id,
            "iat": int(time.time()),
            "jti": secrets.token_urlsafe(12),
        }

    async def _send(self, kind: str, subject: str, path: str, token: str, body: bytes, media_type: str) -> Sent:
        status = 0
        try:
            async with httpx2.AsyncClient(timeout=DELIVERY_S) as client:
                headers = {"Content-Type": media_type}
                answer = await client.post(f"{self._city}/v1/public/{path}", content=body, headers=headers)
                status = answer.status_code
        except httpx2.HTTPError:
            pass
        self.sent.appendleft(Sent(kind, subject, token, status, datetime.now(UTC)))
        return self.sent[0]


TheOffice = NamedDependency[Office]
Tell = Annotated[bool, QueryParameter()]
AnyRequest = Request[Any, Any, Any]


@get("/identities")
async def show_identities(office: TheOffice) -> Response[str]:
    """The page: who there is, and what one can do to them."""
    rows = [_row(subject, label, office) for subject, label in residents().items()]
    sent = [
        [f"{one.at:%H:%M:%S}", html.escape(one.kind), html.escape(one.subject), str(one.status or "không tới được")]
        for one in list(office.sent)[:50]
    ]
    keys = ", ".join(str(key.kid) for key in office.provider.ring.keys)
    turn = f"<p>Khoá: {html.escape(keys)} {_button('/identities/keys', 'Đổi khoá')}</p>"
    return page(
        "Định danh điện tử",
        turn
        + table(["Người", "Tình trạng", "", "", ""], rows)
        + table(["Lúc", "Tín hiệu", "Người", "Thành phố trả lời"], sent),
    )


@post("/identities/{subject:str}/suspensions")
async def suspend(
    subject: FromPath[str], office: TheOffice, request: AnyRequest, *, tell: Tell = True
) -> Response[Any]:
    """The identity is no good from now on; the city is told, or has to find out."""
    return _done(request, await office.suspend(subject, tell=tell))


@post("/identities/{subject:str}/reinstatements")
async def reinstate(
    subject: FromPath[str], office: TheOffice, request: AnyRequest, *, tell: Tell = True
) -> Response[Any]:
    """The identity is good again."""
    return _done(request, await office.reinstate(subject, tell=tell))


@post("/identities/{subject:str}/logouts")
async def sign_out(subject: FromPath[str], office: TheOffice, request: AnyRequest) -> Response[Any]:
    """The person signs out at the eID."""
    return _done(request, await office.sign_out(subject))


@post("/identities/keys")
async def turn_keys(office: TheOffice, request: AnyRequest) -> Response[Any]:
    """A new key signs; the old ones stay published."""
    return _done(request, {"kid": office.provider.ring.rotate()})


@delete("/identities/keys/{kid:str}")
async def withdraw_key(kid: FromPath[str], office: TheOffice) -> None:
    """A key is published no longer."""
    office.provider.ring.withdraw(kid)


@post("/identities/tokens")
async def sign_token(data: JSONBody[ToSign], office: TheOffice) -> dict[str, str]:
    """What the eID would never sign: for tests."""
    return {"token": office.provider.ring.sign(data.claims, data.typ, by=data.by)}


@get("/identities/calls")
async def count_calls(office: TheOffice) -> dict[str, int]:
    """How often each endpoint of the provider was called."""
    return dict(office.provider.calls)


@get("/identities/asked")
async def show_asked(office: TheOffice, url: Annotated[str, QueryParameter()]) -> dict[str, str]:
    """What a sign-in asks for, also if it was pushed."""
    asked = office.provider.asked(dict(httpx2.URL(url).params))
    return {"error": asked} if isinstance(asked, str) else asked


@get("/identities/signals")
async def list_signals(office: TheOffice, subject: Annotated[str, QueryParameter()] = "") -> list[Sent]:
    """What the city was told, the newest first."""
    return [one for one in office.sent if not subject or one.subject == subject]


def residents() -> Mapping[str, str]:
    """The choices of the provider's page."""
    shown = (people.resident(number) for number in range(1, 41))
    return {one.subject: f"{one.full_name} (mức {one.level})" for one in shown} | registries.choices()


def claims_of(subject: str, asked: dict[str, str]) -> dict[str, Any] | None:
    """As the national portal says it; a level not asked for is not given."""
    number = people.number_of(subject, "resident-", people.RESIDENTS * 1000)
    one = people.resident(number) if number else people.child_of(subject)
    if one is None:
        return None
    level = min(one.level, 2 if asked.get("acr_values") == "LoA2" else 1)
    return {
        "sub": one.subject,
        "acr": f"LoA{level}",
        "TechID": f"tech-{one.subject}",
        "LoaiTaiKhoan": "1",
        "HoVaTen": one.full_name,
        "SoDinhDanh": one.number,
        "NgayThangNamSinh": one.birth_date.strftime("%Y%m%d"),
        "gender": one.gender,
        "loginIdp": "sandbox",
    }


def _row(subject: str, label: str, office: Office) -> list[str]:
    at, off = f"/identities/{html.escape(subject)}", subject in office.provider.suspended
    act, said = ("reinstatements", "Mở lại") if off else ("suspensions", "Tạm khoá")
    return [
        html.escape(label),
        "đang tạm khoá" if off else "tốt",
        _button(f"{at}/{act}", f"{said} và báo thành phố"),
        _button(f"{at}/{act}?tell=false", f"{said}, không báo"),
        _button(f"{at}/logouts", "Đăng xuất"),
    ]


def _button(to: str, said: str) -> str:
    return f'<form method="post" action="{to}"><button>{said}</button></form>'


def _done(request: AnyRequest, said: Any) -> Response[Any]:
    """Back to the page for a browser; what was done for a program."""
    if "text/html" in request.headers.get("accept", ""):
        return Response(b"", status_code=303, headers={"Location": "/identities"})
    return Response(said)


handlers = [
    show_identities,
    suspend,
    reinstate,
    sign_out,
    turn_keys,
    withdraw_key,
    sign_token,
    count_calls,
    show_asked,
    list_signals,
]
