"""The keys a provider signs with: they turn on command, and it can sign what it should not."""

import base64
import json
import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import RSAKey


class Ring:
    """The last key signs; all are published until they are withdrawn."""

    def __init__(self, first: RSAKey) -> None:
        self.keys = [first]
        self._every = [first]
        self._made = 1
        self._stranger: RSAKey | None = None

    def rotate(self) -> str:
        """A new key signs from now on. Its kid."""
        self._made += 1
        self.keys.append(_new(f"sandbox-{self._made}-{time.time_ns():x}"))
        self._every.append(self.keys[-1])
        return str(self.keys[-1].kid)

    def withdraw(self, kid: str) -> None:
        """Published no longer; the last key stays."""
        self.keys = [key for key in self.keys if key.kid != kid] or self.keys

    def published(self) -> dict[str, Any]:
        return {"keys": [key.as_dict(private=False) for key in self.keys]}

    def sign(self, claims: dict[str, Any], typ: str = "JWT", *, by: str = "") -> str:
        """With the key named `by`, published or not, else the last. `stranger` is one that nobody published, `impostor` one under the last one's
        name, `none` is no signature at all."""
        last = self.keys[-1]
        if by == "none":
            return ".".join([_part({"alg": "none", "typ": typ}), _part(claims), ""])
        if by in ("stranger", "impostor"):
            self._stranger = self._stranger or _new("stranger")
            kid = last.kid if by == "impostor" else "stranger"
            return _signed(claims, typ, kid, self._stranger)
        key = next((one for one in self._every if one.kid == by), last)
        return _signed(claims, typ, key.kid, key)


def _signed(claims: dict[str, Any], typ: str, kid: str | None, key: RSAKey) -> str:
    return jwt.encode({"alg": "RS256", "typ": typ, "kid": kid}, claims, key, algorithms=["RS256"])


def _new(kid: str) -> RSAKey:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return RSAKey.import_key(key, parameters={"kid": kid, "use": "sig", "alg": "RS256"})


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
