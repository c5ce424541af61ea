"""What an OpenID provider hands out: codes, access tokens, refresh tokens, id tokens; the true ones and the lies."""

import base64
import hashlib
import secrets
import time
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from msgspec import Struct

from sandbox.faults import Faults, Lie
from sandbox.signing import Ring

CODE_TTL_S = 60
IN_ID_TOKEN = ("sub", "acr", "amr", "auth_time")
LIES: tuple[Lie, ...] = (
    "nonce",
    "audience",
    "party",
    "issuer",
    "expiry",
    "issue",
    "start",
    "level",
    "unknown-level",
    "loose-level",
    "time",
    "no-time",
    "access-hash",
    "subject",
    "key",
    "signature",
    "algorithm",
    "token",
)
"""Of an id token."""


class Grant(Struct, frozen=True):
    """What a code and an access token stand for."""

    asked: dict[str, str]
    claims: dict[str, Any]
    sid: str
    expires: float


class Grants:
    """Of one provider and its one client. Refresh tokens are signed, so that they outlive a restart of the sandbox; the old one
    works until the new one has been used."""

    def __init__(self, name: str, issuer: str, client_id: str, ring: Ring, sealing: RSAKey) -> None:
        self._name = name
        self._issuer = issuer
        self._client_id = client_id
        self._ring = ring
        self._sealing = sealing
        self._codes: dict[str, Grant] = {}
        self._tokens: dict[str, Grant] = {}
        self._dead: set[str] = set()

    def new_code(self, asked: dict[str, str], claims: dict[str, Any]) -> str:
        code = secrets.token_urlsafe(24)
        self._codes[code] = Grant(asked, claims, secrets.token_urlsafe(12), time.time() + CODE_TTL_S)
        return code

    def use_code(self, code: str, verifier: str, redirect_uri: str) -> Grant | None:
        """Once; with its proof (RFC 7636 §4.6), and the same redirect address."""
        grant = self._codes.pop(code, None)
        if grant is None or grant.expires < time.time():
            return None
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        fits = digest == grant.asked["code_challenge"] and redirect_uri == grant.asked["redirect_uri"]
        return grant if fits else None

    def of_access(self, token: str) -> Grant | None:
        return self._tokens.get(token)

    def answer(self, grant: Grant, faults: Faults, before: str = "") -> dict[str, Any]:
        """Of the token endpoint; `before` is the refresh token that this one follows."""
        access = secrets.token_urlsafe(32)
        self._tokens[access] = grant
        said = {"access_token": access, "token_type": "Bearer", "expires_in": 300}
        if "offline_access" in grant.asked.get("scope", "").split():
            said["refresh_token"] = self._new_refresh(grant, before)
        lie = faults.lies(f"{self._name}-again" if before else self._name, *LIES)
        return said | {"id_token": self._id_token(grant, access, lie)}

    def use_refresh(self, token: str) -> dict[str, Any] | None:
        """What it stands for; the one before it is dead from now on."""
        try:
            claims = jwt.decode(token, self._sealing, algorithms=["RS256"]).claims
        except (JoseError, ValueError):
            return None
        if claims.get("refresh") != self._name or claims["jti"] in self._dead:
            return None
        self._dead.add(claims["before"])
        return claims

    def _new_refresh(self, grant: Grant, before: str) -> str:
        claims = {
            "refresh": self._name,
            "jti": secrets.token_urlsafe(12),
            "before": before,
            "sub": grant.claims["sub"],
            "sid": grant.sid,
            "asked": grant.asked,
        }
        return jwt.encode({"alg": "RS256"}, claims, self._sealing, algorithms=["RS256"])

    def _id_token(self, grant: Grant, access: str, lie: Lie | None) -> str:
        now = int(time.time())
        half = hashlib.sha256(access.encode()).digest()[:16]
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": self._client_id,
            "iat": now,
            "auth_time": now,
            "exp": now + 300,
            "sid": grant.sid,
            "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
            **({"nonce": grant.asked["nonce"]} if "nonce" in grant.asked else {}),
            **{name: value for name, value in grant.claims.items() if name in IN_ID_TOKEN},
        }
        if lie == "token":
            return "no.token.atall"
        signer = {"key": "stranger", "signature": "impostor", "algorithm": "none"}
        return self._ring.sign(lied(claims, lie, now) if lie else claims, by=signer.get(lie or "", ""))


def lied(claims: dict[str, Any], lie: Lie, now: int) -> dict[str, Any]:
    """The claims with one untruth."""
    untruths: dict[str, dict[str, Any]] = {
        "nonce": {"nonce": "of-another-sign-in"},
        "audience": {"aud": "another-client"},
        "party": {"aud": [claims["aud"], "another-client"], "azp": "another-client"},
        "issuer": {"iss": "https://another-provider.example"},
        "expiry": {"iat": now, "exp": now - 3600},
        "issue": {"iat": now - 86400},
        "start": {"nbf": now + 3600},
        "level": {"acr": "LoA1"},
        "unknown-level": {"acr": "LoA9"},
        "time": {"auth_time": now - 86400},
        "subject": {"sub": "somebody-else"},
        "access-hash": {"at_hash": "b2YgYW5vdGhlciB0b2tlbg"},
    }
    left_out = {"no-time": "auth_time", "loose-level": "acr"}.get(lie, "")
    return {name: value for name, value in (claims | untruths.get(lie, {})).items() if name != left_out}
