"""Files sealed piece by piece: whole or not at all."""

from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag

from app.core import sealed_files
from app.core.sealed_files import PIECE, TAG, Writer


def write(path: Path, key: bytes, *contents: bytes) -> None:
    with path.open("wb") as file:
        sealed = Writer(file, key)
        for content in contents:
            sealed.write(content)
        sealed.close()


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_what_is_written_is_read(tmp_path: Path, size: int) -> None:
    path, key, content = tmp_path / "x", sealed_files.new_key(), bytes(range(256)) * (size // 256 + 1)
    write(path, key, content[: size // 3], content[size // 3 : size])
    assert b"".join(sealed_files.read(path, key)) == content[:size]
    assert content[:16] not in path.read_bytes()[:64]


def test_a_file_that_was_cut_altered_or_reordered_does_not_open(tmp_path: Path) -> None:
    path, key = tmp_path / "x", sealed_files.new_key()
    write(path, key, b"a" * PIECE + b"b" * PIECE + b"c")
    whole = path.read_bytes()
    first, second, rest = whole[: PIECE + TAG], whole[PIECE + TAG : 2 * (PIECE + TAG)], whole[2 * (PIECE + TAG) :]
    for wrong in (first, first + second, second + first + rest, first + rest, b"", whole[:-1], whole[:-1] + b"x"):
        path.write_bytes(wrong)
        with pytest.raises(InvalidTag):
            list(sealed_files.read(path, key))


def test_another_key_does_not_open_it(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write(path, sealed_files.new_key(), b"secret")
    with pytest.raises(InvalidTag):
        list(sealed_files.read(path, sealed_files.new_key()))
