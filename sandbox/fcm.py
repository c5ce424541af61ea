"""Firebase Cloud Messaging, HTTP v1: signs in service accounts, takes messages, shows phones and what they received.

https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages
"""

import html
import json
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Struct, field
from msgspec import json as mjson

from sandbox.faults import faulty
from sandbox.keys import PROJECT, Keys
from sandbox.pages import page, table

TOKEN_TTL_S = 3600


class NewPhone(Struct, frozen=True):
    name: str = "phone"


class Phone(Struct):
    token: str
    name: str
    alive: bool = True
    messages: list[dict[str, Any]] = field(default_factory=list)


class Phones:
    """Phones survive a restart of the sandbox; what they received does not."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "phones.json"
        self.access: dict[str, float] = {}
        kept: list[Phone] = mjson.decode(self._path.read_bytes(), type=list[Phone]) if self._path.exists() else []
        self.by_token = {phone.token: phone for phone in kept}

    def add(self, name: str) -> Phone:
        phone = Phone(f"phone:{secrets.token_urlsafe(32)}", name)
        self.by_token[phone.token] = phone
        bare = [Phone(one.token, one.name, one.alive) for one in self.by_token.values()]
        self._path.write_bytes(mjson.encode(bare))
        return phone


ThePhones = NamedDependency[Phones]
TheKeys = NamedDependency[Keys]


@post("/token", status_code=200)
async def sign_in_service(request: Request[Any, Any, Any], phones: ThePhones, keys: TheKeys) -> Response[Any]:
    """OAuth 2.0 for service accounts: a signed assertion (RFC 7523) for an access token."""
    form = await request.form()
    try:
        claims = jwt.decode(str(form.get("assertion", "")), keys.service, algorithms=["RS256"]).claims
    except (JoseError, ValueError):
        return Response({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, status_code=400)
    if claims.get("exp", 0) < time.time():
        return Response({"error": "invalid_grant", "error_description": "Expired."}, status_code=400)
    token = secrets.token_urlsafe(32)
    phones.access[token] = time.time() + TOKEN_TTL_S
    return Response({"access_token": token, "expires_in": TOKEN_TTL_S, "token_type": "Bearer"})


@post("/v1/projects/{project:str}/messages:send", status_code=200)
async def send_message(project: FromPath[str], request: Request[Any, Any, Any], phones: ThePhones) -> Response[Any]:
    """One message to one phone, with the answers and errors of the real one."""
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    if phones.access.get(token, 0) < time.time():
        return _error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
    if project != PROJECT:
        return _error(403, "PERMISSION_DENIED", "SenderId mismatch", "SENDER_ID_MISMATCH")
    try:
        message = json.loads(await request.body())["message"]
        target = message.get("token") or message["fid"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return _error(400, "INVALID_ARGUMENT", "Invalid JSON payload received.", "INVALID_ARGUMENT")
    phone = phones.by_token.get(target)
    if phone is None or not phone.alive:
        return _error(404, "NOT_FOUND", "Requested entity was not found.", "UNREGISTERED")
    message_id = f"projects/{project}/messages/{secrets.token_hex(8)}"
    phone.messages.insert(0, {"id": message_id, "at": datetime.now(UTC).isoformat(), **message})
    return Response({"name": message_id})


@post("/phones")
async def add_phone(data: JSONBody[NewPhone], phones: ThePhones) -> Phone:
    """A new phone with its registration token."""
    return phones.add(data.name)


@get("/phones/{token:str}/messages")
async def list_pushes(token: FromPath[str], phones: ThePhones) -> list[dict[str, Any]]:
    """What a phone received, the newest first."""
    phone = phones.by_token.get(token)
    return phone.messages if phone else []


@post("/phones/{token:str}/uninstalls")
async def uninstall(token: FromPath[str], phones: ThePhones) -> None:
    """The app is gone from this phone: pushes to it are UNREGISTERED from now on."""
    if token in phones.by_token:
        phones.by_token[token].alive = False


@get("/phones")
async def show_phones(phones: ThePhones) -> Response[str]:
    """The page of phones."""
    rows = [
        [
            html.escape(phone.name),
            f"<code>{html.escape(phone.token[:18])}…</code>",
            "<br>".join(
                f"{one['at'][11:19]} <b>{html.escape(one.get('notification', {}).get('title', ''))}</b> "
                f"{html.escape(one.get('notification', {}).get('body', ''))}"
                for one in phone.messages[:10]
            ),
        ]
        for phone in reversed(phones.by_token.values())
    ]
    return page("Điện thoại", table(["Máy", "Token", "Thông báo đẩy"], rows[:100]), refresh_s=2)


def _error(status: int, name: str, message: str, code: str = "") -> Response[Any]:
    details = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}] if code else []
    error = {"code": status, "message": message, "status": name, "details": details}
    return Response({"error": error}, status_code=status)


vendor = Router(
    "/", route_handlers=[send_message, Router("/fcm", route_handlers=[sign_in_service])], middleware=[faulty("fcm")]
)
pages = [add_phone, list_pushes, uninstall, show_phones]
