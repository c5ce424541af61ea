"""One OpenID provider as this process last read it: its metadata and its keys, each for a while.

A key that the provider withdraws is trusted for `keys_ttl_s` at most; a token that names a key we do not know has the keys read
anew, but not more often than every `keys_again_s`, so that nobody makes us hammer the provider.
"""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

import httpx2
import msgspec
import structlog
from joserfc import jwt
from joserfc.errors import BadSignatureError, JoseError
from joserfc.jwk import KeySet
from msgspec import Struct

from app.core.errors import OutsideUnavailable
from app.core.http import Outbound
from app.core.settings import Oidc

ALGORITHMS = ["RS256", "ES256", "PS256"]
KINDS = ("RSA", "EC")
"""Of keys, for those algorithms; others are passed over (RFC 7517 §5)."""
METADATA_TTL_S = 3600.0
NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
ENDPOINTS = (*NEEDED, "userinfo_endpoint", "pushed_authorization_request_endpoint")

log = structlog.get_logger()

T = TypeVar("T")


class TokenWrong(Exception):
    """A token of the provider's is none; the message says what is wrong with it, in a word."""


class Read(Struct, frozen=True):
    """A token whose signature is the provider's."""

    typ: str
    claims: dict[str, Any]


class Provider:
    """Raises OutsideUnavailable wherever the provider does not answer, or answers what makes no sense."""

    def __init__(self, system: str, settings: Oidc, outbound: Outbound) -> None:
        self._system = system
        self._settings = settings
        self._outbound = outbound
        self._root = (settings.discovery_url or settings.issuer).rstrip("/")
        self._metadata = Kept(self._read_metadata, METADATA_TTL_S)
        self._keys = Kept(self._read_keys, settings.keys_ttl_s)

    async def metadata(self) -> dict[str, Any]:
        return await self._metadata.get()

    async def read(self, token: str) -> Read:
        """Check a signature. Raises TokenWrong."""
        keys = await self._keys.get()
        kid = kid_of(token)
        if kid and kid not in _kids(keys):
            keys = await self._keys.get(age_max_s=self._settings.keys_again_s)
            if kid not in _kids(keys):
                raise TokenWrong("key")
        try:
            read = jwt.decode(token, keys, algorithms=ALGORITHMS)
        except BadSignatureError as wrong:
            raise TokenWrong("signature") from wrong
        except (JoseError, ValueError, TypeError, RecursionError) as wrong:
            raise TokenWrong("token") from wrong
        if not isinstance(read.claims, dict):  # pyright: ignore[reportUnnecessaryIsInstance]  # it may be any JSON
            raise TokenWrong("token")
        return Read(str(read.header.get("typ", "")), read.claims)

    def object_in(self, answer: httpx2.Response) -> dict[str, Any]:
        """The JSON object in an answer."""
        try:
            return msgspec.json.decode(answer.content, type=dict[str, Any])
        except (ValueError, RecursionError, msgspec.MsgspecError) as wrong:
            raise self.nonsense(str(answer.url)) from wrong

    def nonsense(self, address: str) -> OutsideUnavailable:
        log.error("outside answer makes no sense", system=self._system, address=address.partition("?")[0])
        return OutsideUnavailable(system=self._system)

    async def _read_metadata(self) -> dict[str, Any]:
        """Its issuer must be the one we know; over TLS it names no address without."""
        address = f"{self._root}/.well-known/openid-configuration"
        said = await self._get(address)
        named = [said[name] for name in ENDPOINTS if name in said]
        secure = "https://" if self._root.startswith("https://") else ("https://", "http://")
        fits = all(name in said for name in NEEDED) and all(
            isinstance(one, str) and one.startswith(secure) for one in named
        )
        if not fits or said.get("issuer") != self._settings.issuer:
            raise self.nonsense(address)
        return said

    async def _read_keys(self) -> KeySet:
        address = (await self.metadata())["jwks_uri"]
        said = await self._get(address)
        try:
            ours = [key for key in said["keys"] if key["kty"] in KINDS and key.get("use", "sig") == "sig"]
            return KeySet.import_key_set({"keys": ours})
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as wrong:
            raise self.nonsense(address) from wrong

    async def _get(self, url: str) -> dict[str, Any]:
        async with self._outbound.client(self._system) as client:
            answer = await client.get(url)
        if answer.status_code != 200:
            raise OutsideUnavailable(system=self._system)
        return self.object_in(answer)


class Kept(Generic[T]):
    """Something read from outside and kept for a while; who asks while it is being read waits for the same answer."""

    def __init__(self, read: Callable[[], Awaitable[T]], ttl_s: float) -> None:
        self._read = read
        self._ttl_s = ttl_s
        self._held: tuple[T, float] | None = None
        self._reading: asyncio.Task[T] | None = None

    async def get(self, age_max_s: float | None = None) -> T:
        """What is held if it is no older, else what is read now. Raises what `read` raises; what is too
        old is never given out instead."""
        age_max_s = self._ttl_s if age_max_s is None else min(age_max_s, self._ttl_s)
        if self._held is not None and time.monotonic() - self._held[1] <= age_max_s:
            return self._held[0]
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_now())
            self._reading.add_done_callback(_heard)
        return await asyncio.shield(self._reading)

    async def _read_now(self) -> T:
        try:
            value = await self._read()
            self._held = value, time.monotonic()
            return value
        finally:
            self._reading = None


def _heard(task: asyncio.Task[Any]) -> None:
    """Nobody may be left to hear of a failure, and then it is no mistake of ours."""
    if not task.cancelled():
        task.exception()


def _kids(keys: KeySet) -> set[str | None]:
    return {key.kid for key in keys.keys}


def kid_of(token: str) -> str:
    """The key that a token names, or nothing."""
    try:
        part = token.split(".", maxsplit=1)[0]
        header = msgspec.json.decode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)), type=dict[str, Any])
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return ""
    return str(header.get("kid", ""))
