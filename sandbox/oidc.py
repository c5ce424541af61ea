"""An OpenID Connect provider, twice: the national eID (`/eid`) and the city's staff directory (`/staff`).

Authorization code with PKCE, pushed authorization requests, RS256 signatures, userinfo. The page of the provider lets one
choose a test person; a program posts the same form.
"""

import base64
import hashlib
import html
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from joserfc import jwt
from litestar import MediaType, Request, Response, Router, get, post
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from sandbox.faults import faulty
from sandbox.keys import Keys
from sandbox.pages import page, table

CODE_TTL_S = 60
REQUEST_TTL_S = 300

AnyRequest = Request[Any, Any, Any]


class Client(Struct, frozen=True):
    client_id: str
    client_secret: str
    redirect_uri: str


class Grant(Struct, frozen=True):
    """What a code stands for."""

    asked: dict[str, str]
    claims: dict[str, Any]
    expires: float


class Provider:
    """`address` is where it answers; its issuer may be another name.

    `people` are the choices of the page (value → label); `claims` says who a choice is: id token, userinfo.
    """

    def __init__(
        self,
        name: str,
        issuer: str,
        address: str,
        client: Client,
        keys: Keys,
        people: Callable[[], Mapping[str, str]],
        claims: Callable[[str, dict[str, str]], dict[str, Any] | None],
    ) -> None:
        self.name = name
        self._issuer = issuer
        self._address = address
        self._client = client
        self._keys = keys
        self._people = people
        self._claims = claims
        self._pushed: dict[str, tuple[dict[str, str], float]] = {}
        self._codes: dict[str, Grant] = {}
        self._tokens: dict[str, Grant] = {}

    def router(self) -> Router:
        inside = [self._metadata(), self._jwks(), self._push(), self._token(), self._userinfo()]
        open_ = Router("/", route_handlers=[self._show(), self._choose()])
        return Router(
            f"/{self.name}", route_handlers=[open_, Router("/", route_handlers=inside, middleware=[faulty(self.name)])]
        )

    def _metadata(self) -> HTTPRouteHandler:
        issuer, address = self._issuer, self._address

        @get("/.well-known/openid-configuration")
        async def metadata() -> dict[str, Any]:
            return {
                "issuer": issuer,
                "authorization_endpoint": f"{address}/authorize",
                "pushed_authorization_request_endpoint": f"{address}/par",
                "token_endpoint": f"{address}/token",
                "userinfo_endpoint": f"{address}/userinfo",
                "jwks_uri": f"{address}/jwks",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
                "acr_values_supported": ["LoA1", "LoA2"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            }

        return metadata

    def _jwks(self) -> HTTPRouteHandler:
        @get("/jwks")
        async def jwks() -> dict[str, Any]:
            return {"keys": [self._keys.signing.as_dict(private=False)]}

        return jwks

    def _push(self) -> HTTPRouteHandler:
        @post("/par", status_code=201)
        async def push(request: AnyRequest) -> Response[Any]:
            if not self._is_client(request):
                return Response({"error": "invalid_client"}, status_code=401)
            asked = {name: str(value) for name, value in (await request.form()).items()}
            uri = f"urn:ietf:params:oauth:request_uri:{secrets.token_urlsafe(24)}"
            self._pushed[uri] = (asked, time.time() + REQUEST_TTL_S)
            return Response({"request_uri": uri, "expires_in": REQUEST_TTL_S}, status_code=201)

        return push

    def _show(self) -> HTTPRouteHandler:
        @get("/authorize")
        async def show(request: AnyRequest) -> Response[Any]:
            asked = self._asked(dict(request.query_params))
            if isinstance(asked, str):
                return Response({"error": asked}, status_code=400)
            hidden = "".join(
                f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(str(value))}">'
                for name, value in request.query_params.items()
            )
            factor = '<label><input type="checkbox" name="one_factor" value="1"> chỉ mật khẩu (một lớp)</label>'
            rows = [
                [f'<button name="person" value="{html.escape(value)}">{html.escape(label)}</button>']
                for value, label in self._people().items()
            ]
            return page(
                f"Đăng nhập thử nghiệm: {self.name}",
                f'<form method="post">{hidden}{factor if self.name == "staff" else ""}{table(["Chọn một người"], rows)}</form>',
            )

        return show

    def _choose(self) -> HTTPRouteHandler:
        @post("/authorize", status_code=303)
        async def choose(request: AnyRequest) -> Response[Any]:
            form = {name: str(value) for name, value in (await request.form()).items()}
            asked = self._asked(form | dict(request.query_params))
            if isinstance(asked, str):
                return Response({"error": asked}, status_code=400)
            back = {"state": asked.get("state", ""), "iss": self._issuer}
            claims = self._claims(form.get("person", ""), form | asked)
            if claims is None:
                back["error"] = "access_denied"
            else:
                back["code"] = secrets.token_urlsafe(24)
                self._codes[back["code"]] = Grant(asked, claims, time.time() + CODE_TTL_S)
            return Response(b"", status_code=303, headers={"Location": f"{asked['redirect_uri']}?{urlencode(back)}"})

        return choose

    def _token(self) -> HTTPRouteHandler:
        @post("/token", status_code=200)
        async def token(request: AnyRequest) -> Response[Any]:
            if not self._is_client(request):
                return Response({"error": "invalid_client"}, status_code=401)
            form = {name: str(value) for name, value in (await request.form()).items()}
            grant = self._codes.pop(form.get("code", ""), None)
            if grant is None or grant.expires < time.time() or not _proves(form, grant.asked):
                return Response({"error": "invalid_grant"}, status_code=400)
            access = secrets.token_urlsafe(32)
            self._tokens[access] = grant
            said = {"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": self._sign(grant)}
            return Response(said, media_type=MediaType.JSON, headers={"Cache-Control": "no-store"})

        return token

    def _userinfo(self) -> HTTPRouteHandler:
        @get("/userinfo")
        async def userinfo(request: AnyRequest) -> Response[Any]:
            grant = self._tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))
            if grant is None:
                return Response({"error": "invalid_token"}, status_code=401)
            return Response({name: value for name, value in grant.claims.items() if name not in ("acr", "amr")})

        return userinfo

    def _asked(self, given: dict[str, str]) -> dict[str, str] | str:
        """The request, from what was pushed if it was; or the error."""
        if "request_uri" in given:
            pushed, expires = self._pushed.get(given["request_uri"], ({}, 0.0))
            if expires < time.time():
                return "invalid_request_uri"
            given = pushed
        faults = {
            "unauthorized_client": given.get("client_id") != self._client.client_id,
            "invalid_redirect_uri": given.get("redirect_uri") != self._client.redirect_uri,
            "unsupported_response_type": given.get("response_type") != "code",
            "pkce_required": given.get("code_challenge_method") != "S256" or not given.get("code_challenge"),
        }
        return next((name for name, wrong in faults.items() if wrong), given)

    def _is_client(self, request: AnyRequest) -> bool:
        said = request.headers.get("authorization", "").removeprefix("Basic ")
        wanted = base64.b64encode(f"{self._client.client_id}:{self._client.client_secret}".encode()).decode()
        return secrets.compare_digest(said, wanted)

    def _sign(self, grant: Grant) -> str:
        now = int(time.time())
        claims = {
            "iss": self._issuer,
            "aud": self._client.client_id,
            "iat": now,
            "auth_time": now,
            "exp": now + 300,
            **({"nonce": grant.asked["nonce"]} if "nonce" in grant.asked else {}),
            **{name: value for name, value in grant.claims.items() if name in ("sub", "acr", "amr", "auth_time")},
        }
        header = {"alg": "RS256", "kid": self._keys.signing.kid}
        return jwt.encode(header, claims, self._keys.signing, algorithms=["RS256"])


def _proves(form: dict[str, str], asked: dict[str, str]) -> bool:
    """PKCE (RFC 7636 §4.6), and the same redirect address."""
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return challenge == asked["code_challenge"] and form.get("redirect_uri") == asked["redirect_uri"]
