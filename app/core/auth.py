"""Who is at the door: bearer tokens, checked once and remembered until they expire or their session is revoked."""

import time
from typing import Any
from uuid import UUID

from app.core.errors import SignInNeeded, WrongDoor
from app.core.principals import Citizen, Officer, Partner, Principal
from app.core.tokens import Keys, TokenRefused, WrongAudience

REMEMBERED_MAX = 50_000


class Auth:
    """Checks bearer tokens. A token is verified once and remembered until it expires or its session is revoked.

    Worst-case delay of a revocation: at once in the process where it happens, `tokens.revocation_poll_s` elsewhere.
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._remembered: dict[str, dict[bytes, tuple[Principal, float]]] = {}
        self._revoked: dict[UUID, float] = {}

    def check(self, authorization: bytes, audience: str) -> Principal:
        """The caller behind an Authorization header. Raises SignInNeeded or WrongDoor."""
        remembered = self._remembered.setdefault(audience, {})
        known = remembered.get(authorization)
        if known is not None and known[1] > time.time():
            return known[0]
        remembered.pop(authorization, None)
        principal, expires = self._verify(authorization, audience)
        if len(remembered) >= REMEMBERED_MAX:
            remembered.clear()
        remembered[authorization] = (principal, expires)
        return principal

    def revoke(self, session_ids: list[UUID], until: float) -> None:
        """Forget every token of these sessions and refuse them until `until` (when the last of them has expired)."""
        now = time.time()
        self._revoked = {sid: end for sid, end in self._revoked.items() if end > now}
        self._revoked.update(dict.fromkeys(session_ids, until))
        gone = set(session_ids)
        for audience, known in self._remembered.items():
            self._remembered[audience] = {
                key: entry for key, entry in known.items() if getattr(entry[0], "session_id", None) not in gone
            }

    def _verify(self, authorization: bytes, audience: str) -> tuple[Principal, float]:
        scheme, _, token = authorization.decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise SignInNeeded
        try:
            claims = self._keys.verify(token.strip(), audience)
        except WrongAudience as wrong:
            raise WrongDoor from wrong
        except TokenRefused as wrong:
            raise SignInNeeded("invalid_token") from wrong
        principal = principal_of(claims, audience)
        if getattr(principal, "session_id", None) in self._revoked:
            raise SignInNeeded("invalid_token")
        return principal, float(claims["exp"])


def principal_of(claims: dict[str, Any], audience: str) -> Principal:
    match audience:
        case "citizen":
            return Citizen(id=UUID(claims["sub"]), session_id=UUID(claims["sid"]), level=claims["level"])
        case "officer":
            return Officer(
                id=UUID(claims["sub"]),
                session_id=UUID(claims["sid"]),
                departments=frozenset(claims["departments"]),
                acts=frozenset(claims["acts"]),
            )
        case "partner":
            return Partner(id=UUID(claims["sub"]), scopes=frozenset(claims["scope"].split()))
        case _:
            raise SignInNeeded("invalid_token")


def claims_of(principal: Citizen | Officer) -> dict[str, Any]:
    """What `principal_of` reads back."""
    claims: dict[str, Any] = {"sub": str(principal.id), "sid": str(principal.session_id)}
    if isinstance(principal, Citizen):
        return claims | {"level": principal.level}
    return claims | {"departments": sorted(principal.departments), "acts": sorted(principal.acts)}
