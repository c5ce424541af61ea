"""Field encryption with versioned keys, blind indexes, and masks.

AES-256-GCM; the purpose (`account.phone`) is authenticated, so that a value moved to another column does not decrypt.
Layout: version, colon, 12-byte nonce, ciphertext and tag. A blind index is HMAC-SHA256 over purpose and text.
"""

import base64
import hashlib
import hmac
import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.core.settings import Crypto as CryptoSettings

HIDDEN = "•"


class Crypto:
    def __init__(self, settings: CryptoSettings) -> None:
        self._ciphers = {version: AESGCM(base64.b64decode(key)) for version, key in settings.keys.items()}
        self._current = list(settings.keys)[-1]
        self._index_key = base64.b64decode(settings.index_key)

    def encrypt(self, purpose: str, text: str) -> bytes:
        nonce = os.urandom(12)
        sealed = self._ciphers[self._current].encrypt(nonce, text.encode(), purpose.encode())
        return self._current.encode() + b":" + nonce + sealed

    def decrypt(self, purpose: str, blob: bytes) -> str:
        """Raises KeyError for a key version not at hand, InvalidTag for a value that was moved or altered."""
        version, _, rest = blob.partition(b":")
        return self._ciphers[version.decode()].decrypt(rest[:12], rest[12:], purpose.encode()).decode()

    def index(self, purpose: str, text: str) -> bytes:
        """The same text always gives the same 32 bytes, to find by equality and nothing else."""
        return hmac.digest(self._index_key, purpose.encode() + b"\0" + text.encode(), hashlib.sha256)


def mask(text: str, start: int = 3, end: int = 3) -> str:
    """`001•••••1234`: enough to recognise one's own, too little to use."""
    hidden = max(len(text) - start - end, 1)
    return text[:start] + HIDDEN * hidden + text[len(text) - end :] if len(text) > start + end else HIDDEN * len(text)


def is_masked(text: str) -> bool:
    """Whether a value was shown masked before; such a value must never be stored."""
    return HIDDEN in text or "*" in text
