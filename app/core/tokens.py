"""Access tokens: JWT signed ES256 (RFC 7515, RFC 7518), one audience a door; opaque secrets and their hashes."""

import hashlib
import secrets
import time
from collections.abc import Sequence
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet
from msgspec import Struct


class TokenRefused(Exception):
    """The token is not ours, not for this door, or over; the message says which, for the log."""


class SigningKey(Struct, frozen=True):
    kid: str
    key: ECKey
    signs: bool


class Keys:
    """The keys of our access tokens, as this process last read them: one signs, all verify."""

    def __init__(self, issuer: str, keys: Sequence[SigningKey]) -> None:
        self._issuer = issuer
        self._kids: set[str] = set()
        self.hold(keys)

    def hold(self, keys: Sequence[SigningKey]) -> bool:
        """From now on these. Says whether one is gone that was held before: what it signed is no good any more."""
        signer = next(one for one in keys if one.signs)
        self._signer = signer.key
        self._header = {"alg": "ES256", "typ": "at+jwt", "kid": signer.kid}
        self._keys = KeySet([one.key for one in keys])
        gone = self._kids - {one.kid for one in keys}
        self._kids = {one.kid for one in keys}
        return bool(gone)

    def issue(self, claims: dict[str, Any], audience: str, ttl_s: int) -> str:
        """`iat` has milliseconds (RFC 7519 §2), because what was issued before a revocation is told by it."""
        now = time.time()
        return jwt.encode(
            self._header,
            {"iss": self._issuer, "aud": audience, "iat": round(now, 3), "exp": int(now) + ttl_s, **claims},
            self._signer,
            algorithms=["ES256"],
        )

    def verify(self, token: str, audience: str) -> dict[str, Any]:
        """The claims. Raises TokenRefused."""
        try:
            read = jwt.decode(token, self._keys, algorithms=["ES256"])
        except (JoseError, ValueError) as wrong:
            raise TokenRefused(type(wrong).__name__) from wrong
        claims = read.claims
        if read.header.get("typ") != "at+jwt" or claims.get("iss") != self._issuer:
            raise TokenRefused("issuer")
        if claims.get("aud") != audience:
            raise WrongAudience("audience")
        if not isinstance(claims.get("exp"), int) or claims["exp"] <= time.time():
            raise TokenRefused("expired")
        return claims

    def jwks(self) -> dict[str, Any]:
        return {"keys": [key.as_dict(private=False) for key in self._keys.keys]}


class WrongAudience(TokenRefused):
    """A good token, at another door."""


def new_secret() -> str:
    """256 bits, URL-safe."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> bytes:
    """Enough for secrets of full entropy (RFC 6819 §5.1.4.1.3); not for codes or passwords."""
    return hashlib.sha256(secret.encode()).digest()
