"""Merkle trees as RFC 6962 §2.1 (RFC 9162 §2.1) has them, over SHA-256. Pure; a leaf is known by its hash from here on.

A tree of many leaves is the tree over the roots of its aligned blocks, if a block holds a power of two of them. So nobody needs
all the leaves at once, neither for the root nor for a path.
"""

import hashlib
from collections.abc import Sequence

EMPTY = hashlib.sha256().digest()
"""The root of a tree without leaves."""


def leaf(data: bytes) -> bytes:
    """The prefix keeps leaves and nodes apart, so that neither can be passed off as the other."""
    return hashlib.sha256(b"\x00" + data).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(hashes: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962 §2.1: level by level, where a last one without a partner goes up as it is."""
    level = list(hashes)
    while len(level) > 1:
        level = _up(level)
    return level[0] if level else EMPTY


def path(index: int, hashes: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 6962 §2.1.1: what is hashed with a leaf on its way to the root, from below."""
    found: list[bytes] = []
    level = list(hashes)
    while len(level) > 1:
        if index ^ 1 < len(level):
            found.append(level[index ^ 1])
        index //= 2
        level = _up(level)
    return found


def climb(index: int, size: int, leaf_hash: bytes, path: Sequence[bytes]) -> bytes | None:
    """The root that a path leads to (RFC 9162 §2.1.3.2); None if it is no path of this leaf in a tree of this size."""
    if not 0 <= index < size:
        return None
    at, last, reached = index, size - 1, leaf_hash
    for beside in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            reached = node(beside, reached)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            reached = node(reached, beside)
        at, last = at >> 1, last >> 1
    return reached if last == 0 else None


def _up(level: list[bytes]) -> list[bytes]:
    pairs = [node(level[n], level[n + 1]) for n in range(0, len(level) - 1, 2)]
    return [*pairs, level[-1]] if len(level) & 1 else pairs
