"""A software authenticator: makes and uses passkeys as WebAuthn L3 says, or wrongly where a test asks for it."""

import base64
import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

UP, UV, BE, BS, AT = 0x01, 0x04, 0x08, 0x10, 0x40


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


@dataclass
class Held:
    """One passkey inside."""

    id: bytes
    handle: bytes
    key: ec.EllipticCurvePrivateKey
    count: int = 0


@dataclass
class Authenticator:
    """Counts its signatures in steps; 0: it does not count, as synced passkeys do not."""

    origin: str
    step: int = 1
    flags: int = UP | UV
    held: list[Held] = field(default_factory=list)

    def create(self, options: dict[str, Any], **wrong: Any) -> dict[str, Any]:
        """`RegistrationResponseJSON`. Wrong may be `origin`, `rp_id`, `flags`, `id`, `type`, `challenge`, `cross_origin`, `cose`, `named`."""
        assert options["authenticatorSelection"]["userVerification"] == "required"
        assert {"type": "public-key", "alg": -7} in options["pubKeyCredParams"]
        made = Held(
            wrong.get("id") or os.urandom(32), decode(options["user"]["id"]), ec.generate_private_key(ec.SECP256R1())
        )
        self.held.append(made)
        point = made.key.public_key().public_numbers()
        cose = wrong.get("cose") or {
            1: 2,
            3: -7,
            -1: 1,
            -2: point.x.to_bytes(32, "big"),
            -3: point.y.to_bytes(32, "big"),
        }
        data = self._data(options["rp"]["id"], wrong, AT) + made.count.to_bytes(4, "big")
        data += bytes(16) + len(made.id).to_bytes(2, "big") + made.id + cbor2.dumps(cose)
        client = self._client("webauthn.create", options["challenge"], wrong)
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return _credential(
            wrong.get("named", made.id),
            clientDataJSON=encode(client),
            attestationObject=encode(attestation),
            transports=["internal", "hybrid", "carrier-pigeon"],
            publicKeyAlgorithm=-7,
        )

    def get(self, options: dict[str, Any], held: Held | None = None, **wrong: Any) -> dict[str, Any]:
        """`AuthenticationResponseJSON`. Wrong may be as in `create`, and `handle`, `signer`, `count`."""
        assert options["userVerification"] == "required"
        allowed = {decode(one["id"]) for one in options["allowCredentials"]}
        used = held or next(one for one in self.held if not allowed or one.id in allowed)
        used.count = wrong.get("count", used.count + self.step)
        data = self._data(options["rpId"], wrong) + used.count.to_bytes(4, "big")
        client = self._client("webauthn.get", options["challenge"], wrong)
        signature = wrong.get("signer", used.key).sign(
            data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256())
        )
        handle = wrong.get("handle", used.handle)
        return _credential(
            wrong.get("id", used.id),
            clientDataJSON=encode(client),
            authenticatorData=encode(data),
            signature=encode(signature),
            userHandle=None if handle is None else encode(handle),
        )

    def _data(self, rp_id: str, wrong: dict[str, Any], more: int = 0) -> bytes:
        """The beginning of authenticator data, up to the counter."""
        flags = wrong.get("flags", self.flags) | more
        return hashlib.sha256(wrong.get("rp_id", rp_id).encode()).digest() + bytes([flags])

    def _client(self, kind: str, challenge: str, wrong: dict[str, Any]) -> bytes:
        said = {
            "type": wrong.get("type", kind),
            "challenge": wrong.get("challenge", challenge),
            "origin": wrong.get("origin", self.origin),
            "crossOrigin": wrong.get("cross_origin", False),
        }
        return json.dumps(said, separators=(",", ":")).encode()


def _credential(raw_id: bytes, **response: Any) -> dict[str, Any]:
    return {
        "id": encode(raw_id),
        "rawId": encode(raw_id),
        "type": "public-key",
        "authenticatorAttachment": "platform",
        "clientExtensionResults": {"credProps": {"rk": True}},
        "response": response,
    }
