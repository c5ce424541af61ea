"""An OpenID Connect provider, twice: the national eID (`/eid`) and the city's staff directory (`/staff`).

Authorization code with PKCE, pushed authorization requests, refresh tokens, RS256 signatures, userinfo. The page of the provider
lets one choose a test person; a program posts the same form. It lies on demand (`faults.Lie`).
"""

import base64
import html
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from litestar import MediaType, Request, Response, Router, get, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from sandbox.faults import Faults, faulty
from sandbox.grants import Grant, Grants
from sandbox.keys import Keys
from sandbox.pages import page, table
from sandbox.signing import Ring

REQUEST_TTL_S = 300

AnyRequest = Request[Any, Any, Any]


class Client(Struct, frozen=True):
    client_id: str
    client_secret: str
    redirect_uri: str


class Provider:
    """`address` is where it answers; its issuer may be another name.

    `people` are the choices of the page (value → label); `claims` says who a choice is: id token, userinfo. Who is suspended
    gets nothing.
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
        self._people = people
        self._claims = claims
        self._pushed: dict[str, tuple[dict[str, str], float]] = {}
        self.ring = Ring(keys.signing)
        self.grants = Grants(name, issuer, client.client_id, self.ring, keys.signing)
        self.issuer, self.client_id = issuer, client.client_id
        self.suspended: set[str] = set()
        self.calls: Counter[str] = Counter()
        """How often each endpoint was called."""

    def router(self) -> Router:
        inside = [self._metadata(), self._jwks(), self._push(), self._token(), self._userinfo()]
        open_ = Router("/", route_handlers=[self._show(), self._choose()])
        return Router(
            f"/{self.name}", route_handlers=[open_, Router("/", route_handlers=inside, middleware=[faulty(self.name)])]
        )

    def _metadata(self) -> HTTPRouteHandler:
        issuer, address = self._issuer, self._address

        @get("/.well-known/openid-configuration")
        async def metadata(state: State) -> dict[str, Any]:
            self.calls["metadata"] += 1
            lie = _faults(state).lies(self.name, "metadata", "no-par", "plain-http")
            said = {
                "issuer": "https://another-provider.example" if lie == "metadata" else issuer,
                "authorization_endpoint": f"{address}/authorize",
                "pushed_authorization_request_endpoint": f"{address}/par",
                "token_endpoint": "ftp://elsewhere.example/token" if lie == "plain-http" else f"{address}/token",
                "userinfo_endpoint": f"{address}/userinfo",
                "jwks_uri": f"{address}/jwks",
                "response_types_supported": ["code"],
                "scopes_supported": ["openid", "profile", "offline_access"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
                "acr_values_supported": ["LoA1", "LoA2"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                "authorization_response_iss_parameter_supported": True,
                "backchannel_logout_supported": True,
                "backchannel_logout_session_supported": True,
            }
            return {name: value for name, value in said.items() if lie != "no-par" or not name.startswith("pushed_")}

        return metadata

    def _jwks(self) -> HTTPRouteHandler:
        @get("/jwks")
        async def jwks() -> dict[str, Any]:
            self.calls["jwks"] += 1
            return self.ring.published()

        return jwks

    def _push(self) -> HTTPRouteHandler:
        @post("/par", status_code=201)
        async def push(request: AnyRequest) -> Response[Any]:
            self.calls["par"] += 1
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
            asked = self.asked(dict(request.query_params))
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
            asked = self.asked(form | dict(request.query_params))
            if isinstance(asked, str):
                return Response({"error": asked}, status_code=400)
            back = {"state": asked.get("state", ""), "iss": self._issuer}
            claims = self._claims(form.get("person", ""), form | asked)
            if claims is None or claims["sub"] in self.suspended:
                back["error"] = "access_denied"
            else:
                back["code"] = self.grants.new_code(asked, claims)
            return Response(b"", status_code=303, headers={"Location": f"{asked['redirect_uri']}?{urlencode(back)}"})

        return choose

    def _token(self) -> HTTPRouteHandler:
        @post("/token", status_code=200)
        async def token(request: AnyRequest, state: State) -> Response[Any]:
            self.calls["token"] += 1
            if not self._is_client(request):
                return Response({"error": "invalid_client"}, status_code=401)
            form = {name: str(value) for name, value in (await request.form()).items()}
            grant, before = self._granted(form)
            if grant is None or grant.claims["sub"] in self.suspended:
                return Response({"error": "invalid_grant"}, status_code=400)
            said = self.grants.answer(grant, _faults(state), before)
            return Response(said, media_type=MediaType.JSON, headers={"Cache-Control": "no-store"})

        return token

    def _granted(self, form: dict[str, str]) -> tuple[Grant | None, str]:
        """What a code or a refresh token stands for; and the id of the latter."""
        if form.get("grant_type") != "refresh_token":
            code, verifier = form.get("code", ""), form.get("code_verifier", "")
            return self.grants.use_code(code, verifier, form.get("redirect_uri", "")), ""
        kept = self.grants.use_refresh(form.get("refresh_token", ""))
        claims = self._claims(kept["sub"], kept["asked"]) if kept else None
        if kept is None or claims is None:
            return None, ""
        asked = {name: value for name, value in kept["asked"].items() if name != "nonce"}
        return Grant(asked, claims, kept["sid"], 0.0), kept["jti"]

    def _userinfo(self) -> HTTPRouteHandler:
        @get("/userinfo")
        async def userinfo(request: AnyRequest, state: State) -> Response[Any]:
            grant = self.grants.of_access(request.headers.get("authorization", "").removeprefix("Bearer "))
            if grant is None or grant.claims["sub"] in self.suspended:
                return Response({"error": "invalid_token"}, status_code=401)
            said = {name: value for name, value in grant.claims.items() if name not in ("acr", "amr")}
            lie = _faults(state).lies(self.name, "userinfo", "gender", "number", "loose-level")
            return Response(said | _untrue(lie or "", said))

        return userinfo

    def asked(self, given: dict[str, str]) -> dict[str, str] | str:
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


def _faults(state: State) -> Faults:
    return state.faults


def _untrue(lie: str, said: dict[str, Any]) -> dict[str, Any]:
    """What a lying userinfo says instead."""
    match lie:
        case "userinfo":
            return {"sub": "somebody-else"}
        case "gender":
            return {"gender": "female" if said["gender"] == "male" else "male"}
        case "number":
            number = said["SoDinhDanh"]
            return {"SoDinhDanh": f"{number[:3]}{(int(number[3]) + 2) % 10}{number[4:]}"}
        case "loose-level":
            return {"acr": "LoA2"}
        case _:
            return {}
