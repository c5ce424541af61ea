"""OpenID Connect as a client: authorization code with PKCE (RFC 7636), pushed when the provider offers it (RFC 9126).

Authlib speaks the protocol; joserfc checks the tokens. One instance a provider and process.
"""

import secrets
import time
from typing import Any

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from msgspec import Struct

from app.core.errors import AppError, OutsideUnavailable, Text
from app.core.http import Outbound, TransactionOpen
from app.core.oidc_claims import Asked, Known, faults_of_envelope, faults_of_id_token
from app.core.oidc_provider import Provider, Read, TokenWrong
from app.core.settings import Oidc

OFFLINE = "offline_access"
"""The scope that brings a refresh token (OpenID Connect Core §11)."""
OF_THE_SIGN_IN = frozenset(
    {"iss", "aud", "exp", "iat", "nbf", "auth_time", "nonce", "acr", "amr", "azp", "sid", "at_hash"}
)
"""What the id token alone says; a userinfo answer is about a person, not about how they have just signed in."""


class SignInRefused(AppError):
    status, code = 400, "sign-in-refused"
    title = Text("Không đăng nhập được", "The sign-in was refused")
    detail = Text("Hãy bắt đầu đăng nhập lại từ đầu ({reason}).", "Start the sign-in again ({reason}).")


class GrantOver(Exception):
    """The provider no longer stands behind this person: `invalid_grant` for their refresh token (RFC 6749 §5.2)."""


class Begun(Struct, frozen=True):
    """What the phone opens, and what we must remember until it comes back."""

    url: str
    state: str
    nonce: str
    verifier: str
    acr: str = ""
    """The assurance level asked for, in the provider's words."""
    max_age_s: int | None = None
    at: float = 0.0
    """When it began, in seconds since 1970."""


class Finished(Struct, frozen=True):
    """Who signed in: the checked claims, with the userinfo merged in; and a refresh token, if the provider gives any."""

    claims: dict[str, Any]
    refresh_token: str = ""


class OidcClient:
    """With `offline`, it asks for a refresh token, so that the provider can be asked again about a person."""

    def __init__(self, system: str, settings: Oidc, outbound: Outbound, *, offline: bool = False) -> None:
        self._system = system
        self._settings = settings
        self._outbound = outbound
        self._offline = offline
        self._known = Known(settings.issuer, settings.client_id, settings.clock_skew_s)
        self._provider = Provider(system, settings, outbound)

    async def begin(self, acr: str = "", max_age_s: int | None = None, **more: str) -> Begun:
        """Start a sign-in; with `max_age_s`, one whose proof is no older (0: the person proves it anew). Raises OutsideUnavailable."""
        metadata = await self._provider.metadata()
        begun = Begun(
            "",
            secrets.token_urlsafe(24),
            secrets.token_urlsafe(24),
            secrets.token_urlsafe(48),
            acr,
            max_age_s,
            time.time(),
        )
        params = {"nonce": begun.nonce, **self._wishes(acr, max_age_s), **more}
        async with self._client(self._scope(metadata)) as client:
            url, _ = client.create_authorization_url(
                metadata["authorization_endpoint"], state=begun.state, code_verifier=begun.verifier, **params
            )
        if pushed := metadata.get("pushed_authorization_request_endpoint"):
            asked = params | {"scope": self._scope(metadata)}
            url = await self._push(pushed, metadata["authorization_endpoint"], begun, asked)
        return Begun(url, begun.state, begun.nonce, begun.verifier, acr, max_age_s, begun.at)

    async def finish(self, code: str, begun: Begun, issuer: str = "") -> Finished:
        """Hand in the code. `issuer` is the `iss` of the return (RFC 9207), if the app passes it on.

        Raises SignInRefused, OutsideUnavailable.
        """
        if issuer and issuer != self._settings.issuer:
            raise SignInRefused(reason="iss")
        metadata = await self._provider.metadata()
        async with self._client(self._scope(metadata)) as client:
            try:
                token = await self._ask_token(
                    client.fetch_token,
                    metadata["token_endpoint"],
                    code=code,
                    code_verifier=begun.verifier,
                    grant_type="authorization_code",
                )
            except OAuthError as wrong:
                raise SignInRefused(reason=str(wrong.error)[:50]) from wrong
        claims = await self._claims(token, begun)
        if "userinfo_endpoint" in metadata:
            said = await self._userinfo(metadata["userinfo_endpoint"], token["access_token"])
            if said and said.get("sub") != claims["sub"]:
                raise SignInRefused(reason="userinfo")
            claims = {name: value for name, value in said.items() if name not in OF_THE_SIGN_IN} | claims
        return Finished(claims, _refresh_of(token))

    async def ask_again(self, refresh_token: str, subject: str) -> str:
        """Whether the provider still stands behind this person; the refresh token to ask with the next time.

        Raises GrantOver if it does not, OutsideUnavailable if nobody knows.
        """
        metadata = await self._provider.metadata()
        async with self._client("") as client:
            try:
                token = await self._ask_token(
                    client.refresh_token, metadata["token_endpoint"], refresh_token=refresh_token
                )
            except OAuthError as wrong:
                if wrong.error == "invalid_grant":
                    raise GrantOver from wrong
                raise OutsideUnavailable(system=self._system) from wrong
        if "id_token" in token:
            try:
                claims = (await self.read(str(token["id_token"]))).claims
            except TokenWrong as wrong:
                raise self._provider.nonsense(metadata["token_endpoint"]) from wrong
            if claims.get("sub") != subject:
                raise self._provider.nonsense(metadata["token_endpoint"])
        return _refresh_of(token) or refresh_token

    async def read(self, token: str, *, needs_exp: bool = True) -> Read:
        """A token of the provider's for us, whatever it says. Raises TokenWrong, OutsideUnavailable."""
        read = await self._provider.read(token)
        for fault in faults_of_envelope(read.claims, self._known, time.time(), needs_exp=needs_exp):
            raise TokenWrong(fault)
        return read

    def _client(self, scope: str) -> Any:
        return AsyncOAuth2Client(
            self._settings.client_id,
            self._settings.client_secret,
            scope=scope,
            redirect_uri=self._settings.redirect_uri,
            code_challenge_method="S256",
            transport=self._outbound.way(self._system),
            timeout=self._outbound.timeout_s,
        )

    def _scope(self, metadata: dict[str, Any]) -> str:
        supported: Any = metadata.get("scopes_supported")
        offline = self._offline and isinstance(supported, list) and OFFLINE in supported
        return f"openid profile {OFFLINE}" if offline else "openid profile"

    def _wishes(self, acr: str, max_age_s: int | None) -> dict[str, str]:
        """`prompt=login` beside `max_age=0`, because providers exist that overlook the one or the other."""
        prompts = [*(["login"] if max_age_s == 0 else []), *self._settings.prompt.split()]
        return {
            **({"acr_values": acr} if acr else {}),
            **({"max_age": str(max_age_s)} if max_age_s is not None else {}),
            **({"prompt": " ".join(dict.fromkeys(prompts))} if prompts else {}),
        }

    async def _ask_token(self, ask: Any, endpoint: str, **form: str) -> dict[str, Any]:
        """Raises OAuthError for what the provider refuses, OutsideUnavailable for what is no answer."""
        try:
            token: Any = await ask(endpoint, **form)
        except httpx2.HTTPError as wrong:
            raise OutsideUnavailable(system=self._system) from wrong
        except (OutsideUnavailable, OAuthError, TransactionOpen):
            raise
        except Exception as wrong:  # Authlib has several roots of errors, for answers it cannot read
            raise self._provider.nonsense(endpoint) from wrong
        access = token.get("access_token") if isinstance(token, dict) else None
        if not isinstance(access, str) or not access.isascii() or not access.isprintable():
            raise self._provider.nonsense(endpoint)
        return token

    async def _userinfo(self, endpoint: str, access_token: str) -> dict[str, Any]:
        """Nothing where the provider does not say. Raises OutsideUnavailable where it cannot."""
        async with self._outbound.client(self._system) as client:
            answer = await client.get(endpoint, headers={"Authorization": f"Bearer {access_token}"})
        if answer.status_code >= 500:
            raise OutsideUnavailable(system=self._system)
        return self._provider.object_in(answer) if answer.status_code == 200 else {}

    async def _push(self, endpoint: str, authorize: str, begun: Begun, params: dict[str, str]) -> str:
        """RFC 9126: the details go behind the phone's back; its address bar carries a reference only."""
        form = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._settings.redirect_uri,
            "state": begun.state,
            "code_challenge": create_s256_code_challenge(begun.verifier),
            "code_challenge_method": "S256",
            **params,
        }
        basic = httpx2.BasicAuth(self._settings.client_id, self._settings.client_secret)
        async with self._outbound.client(self._system) as client:
            answer = await client.post(endpoint, data=form, auth=basic)
        reference = self._provider.object_in(answer).get("request_uri") if answer.status_code == 201 else None
        if not isinstance(reference, str) or not reference:
            raise self._provider.nonsense(endpoint)
        query = httpx2.QueryParams({"client_id": self._settings.client_id, "request_uri": reference})
        return f"{authorize}?{query}"

    async def _claims(self, token: dict[str, Any], begun: Begun) -> dict[str, Any]:
        """Of the id token. Raises SignInRefused."""
        try:
            claims = (await self._provider.read(str(token.get("id_token", "")))).claims
        except TokenWrong as wrong:
            raise SignInRefused(reason=str(wrong)) from wrong
        asked = Asked(begun.nonce, begun.at, begun.max_age_s)
        faults = faults_of_id_token(claims, self._known, asked, str(token["access_token"]), time.time())
        if faults:
            raise SignInRefused(reason=", ".join(faults))
        return claims


def _refresh_of(token: dict[str, Any]) -> str:
    said = token.get("refresh_token")
    return said if isinstance(said, str) else ""
