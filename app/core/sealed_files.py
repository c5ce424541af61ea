"""Files sealed as they are written and opened as they are read, piece by piece, so that their size does not matter.

AES-256-GCM over pieces of 64 KiB in the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015): the nonce counts the
pieces and marks the last one, so a file that was cut, reordered or altered does not open. Each file has a key of its own.
"""

import os
from collections.abc import Generator
from pathlib import Path
from typing import BinaryIO

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PIECE = 64 * 1024
TAG = 16


def new_key() -> bytes:
    return os.urandom(32)


class Writer:
    """A file to write to and to close; what was not closed does not open."""

    def __init__(self, file: BinaryIO, key: bytes) -> None:
        self._file = file
        self._cipher = AESGCM(key)
        self._waiting = bytearray()
        self._number = 0

    def write(self, content: bytes) -> int:
        self._waiting += content
        while len(self._waiting) > PIECE:
            self._put(bytes(self._waiting[:PIECE]), last=False)
            del self._waiting[:PIECE]
        return len(content)

    def flush(self) -> None:
        """Only whole pieces go to the disk."""

    def close(self) -> None:
        self._put(bytes(self._waiting), last=True)
        self._waiting.clear()
        self._file.flush()
        os.fsync(self._file.fileno())

    def _put(self, piece: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last=last), piece, None))
        self._number += 1


def read(path: Path, key: bytes) -> Generator[bytes]:
    """The pieces of a file in their order. Raises OSError, InvalidTag."""
    cipher = AESGCM(key)
    with path.open("rb") as file:
        number, sealed = 0, file.read(PIECE + TAG)
        while True:
            following = file.read(PIECE + TAG)
            yield cipher.decrypt(_nonce(number, last=not following), sealed, None)
            if not following:
                return
            number, sealed = number + 1, following


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11) + bytes([last])
