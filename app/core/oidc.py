"""OpenID Connect as a client: authorization code with PKCE (RFC 7636), pushed when the provider offers it (RFC 9126).

Authlib speaks the protocol; joserfc checks the id token. One instance a provider and process.
"""

import base64
import secrets
import time
from typing import Any

import httpx2
import msgspec
import structlog
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from msgspec import Struct

from app.core.errors import AppError, OutsideUnavailable, Text
from app.core.http import Outbound
from app.core.settings import Oidc

ALGORITHMS = ["RS256", "ES256", "PS256"]
METADATA_TTL_S = 3600.0
NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")

log = structlog.get_logger()


class SignInRefused(AppError):
    status, code = 400, "sign-in-refused"
    title = Text("Không đăng nhập được", "The sign-in was refused")
    detail = Text("Hãy bắt đầu đăng nhập lại từ đầu ({reason}).", "Start the sign-in again ({reason}).")


class Begun(Struct, frozen=True):
    """What the phone opens, and what we must remember until it comes back."""

    url: str
    state: str
    nonce: str
    verifier: str


class OidcClient:
    """The provider's metadata and keys are read when first needed and kept for an hour."""

    def __init__(self, system: str, settings: Oidc, outbound: Outbound) -> None:
        self._system = system
        self._settings = settings
        self._outbound = outbound
        self._metadata: dict[str, Any] = {}
        self._keys: KeySet | None = None
        self._read_at = 0.0

    async def begin(self, acr: str = "", **more: str) -> Begun:
        """Start a sign-in. Raises OutsideUnavailable."""
        metadata = await self._provider()
        begun = Begun("", secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48))
        params = {"nonce": begun.nonce, **({"acr_values": acr} if acr else {}), **more}
        async with self._client() as client:
            url, _ = client.create_authorization_url(
                metadata["authorization_endpoint"], state=begun.state, code_verifier=begun.verifier, **params
            )
            pushed = metadata.get("pushed_authorization_request_endpoint")
            if pushed:
                url = await self._push(pushed, metadata["authorization_endpoint"], begun, params)
        return msgspec.structs.replace(begun, url=url)

    async def finish(self, code: str, begun: Begun) -> dict[str, Any]:
        """The checked claims of who signed in, with the userinfo merged in. Raises SignInRefused, OutsideUnavailable."""
        metadata = await self._provider()
        async with self._client() as client:
            try:
                token = await client.fetch_token(
                    metadata["token_endpoint"], code=code, code_verifier=begun.verifier, grant_type="authorization_code"
                )
            except OutsideUnavailable:
                raise
            except httpx2.HTTPError as wrong:
                raise OutsideUnavailable(system=self._system) from wrong
            except ValueError as wrong:
                raise self._nonsense(metadata["token_endpoint"]) from wrong
            except Exception as wrong:  # Authlib has several roots of errors
                raise SignInRefused(reason=type(wrong).__name__) from wrong
            claims = await self._claims(str(token.get("id_token", "")), begun)
            if "userinfo_endpoint" in metadata:
                answer: httpx2.Response = await client.get(metadata["userinfo_endpoint"])
                said = self._object(answer) if answer.status_code == 200 else {}
                if said and said.get("sub") != claims["sub"]:
                    raise SignInRefused(reason="userinfo")
                claims = {**said, **claims}
        return claims

    def _client(self) -> Any:
        return AsyncOAuth2Client(
            self._settings.client_id,
            self._settings.client_secret,
            scope="openid profile",
            redirect_uri=self._settings.redirect_uri,
            code_challenge_method="S256",
            transport=self._outbound.way(self._system),
        )

    async def _push(self, endpoint: str, authorize: str, begun: Begun, params: dict[str, str]) -> str:
        """RFC 9126: the details go behind the phone's back; its address bar carries a reference only."""
        form = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._settings.redirect_uri,
            "scope": "openid profile",
            "state": begun.state,
            "code_challenge": create_s256_code_challenge(begun.verifier),
            "code_challenge_method": "S256",
            **params,
        }
        basic = httpx2.BasicAuth(self._settings.client_id, self._settings.client_secret)
        async with self._outbound.client(self._system) as client:
            answer = await client.post(endpoint, data=form, auth=basic)
        if answer.status_code != 201:
            raise OutsideUnavailable(system=self._system)
        reference = str(self._object(answer).get("request_uri", ""))
        query = httpx2.QueryParams({"client_id": self._settings.client_id, "request_uri": reference})
        return f"{authorize}?{query}"

    async def _claims(self, id_token: str, begun: Begun) -> dict[str, Any]:
        try:
            claims = jwt.decode(id_token, await self._jwks(id_token), algorithms=ALGORITHMS).claims
        except (JoseError, ValueError) as wrong:
            raise SignInRefused(reason="id token") from wrong
        now, skew = time.time(), self._settings.clock_skew_s
        audience: Any = claims.get("aud")
        audiences: list[Any] = audience if isinstance(audience, list) else [audience]
        faults = {
            "iss": claims.get("iss") != self._settings.issuer,
            "aud": self._settings.client_id not in audiences,
            "azp": len(audiences) > 1 and claims.get("azp") != self._settings.client_id,
            "exp": not isinstance(claims.get("exp"), int | float) or claims["exp"] < now - skew,
            "iat": not isinstance(claims.get("iat"), int | float) or claims["iat"] > now + skew,
            "nonce": not secrets.compare_digest(str(claims.get("nonce", "")), begun.nonce),
            "sub": not claims.get("sub"),
        }
        wrong_claims = [name for name, wrong in faults.items() if wrong]
        if wrong_claims:
            raise SignInRefused(reason=", ".join(wrong_claims))
        return claims

    async def _jwks(self, id_token: str) -> KeySet:
        """The provider's keys; read again once when a token names one we do not know (key rotation)."""
        kid = _kid(id_token)
        if self._keys is None or (kid and kid not in {key.kid for key in self._keys.keys}):
            metadata = await self._provider()
            try:
                self._keys = KeySet.import_key_set(await self._get(metadata["jwks_uri"]))  # pyright: ignore[reportArgumentType]
            except (JoseError, ValueError, TypeError, KeyError) as wrong:
                raise self._nonsense(metadata["jwks_uri"]) from wrong
        return self._keys

    async def _provider(self) -> dict[str, Any]:
        if not self._metadata or time.monotonic() - self._read_at > METADATA_TTL_S:
            root = self._settings.discovery_url or self._settings.issuer
            address = f"{root.rstrip('/')}/.well-known/openid-configuration"
            metadata = await self._get(address)
            if not all(isinstance(metadata.get(name), str) for name in NEEDED):
                raise self._nonsense(address)
            self._metadata, self._read_at = metadata, time.monotonic()
        return self._metadata

    async def _get(self, url: str) -> dict[str, Any]:
        async with self._outbound.client(self._system) as client:
            answer = await client.get(url)
        if answer.status_code != 200:
            raise OutsideUnavailable(system=self._system)
        return self._object(answer)

    def _object(self, answer: httpx2.Response) -> dict[str, Any]:
        """The JSON object in an answer. Raises OutsideUnavailable for anything else."""
        try:
            return msgspec.json.decode(answer.content, type=dict[str, Any])
        except (ValueError, RecursionError, msgspec.MsgspecError) as wrong:
            raise self._nonsense(str(answer.url)) from wrong

    def _nonsense(self, address: str) -> OutsideUnavailable:
        log.error("outside answer makes no sense", system=self._system, address=address.partition("?")[0])
        return OutsideUnavailable(system=self._system)


def _kid(token: str) -> str:
    try:
        header = msgspec.json.decode(_padded(token.split(".", maxsplit=1)[0]))
    except (ValueError, msgspec.MsgspecError):
        return ""
    return str(header.get("kid", "")) if isinstance(header, dict) else ""  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]


def _padded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
