"""Trees against the vectors of Certificate Transparency, and their laws."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import merkle

DATA = [
    bytes.fromhex(one)
    for one in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
"""The leaves of the reference tests of Certificate Transparency."""

ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

PATHS = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_certificate_transparency(size: int) -> None:
    assert merkle.root([merkle.leaf(one) for one in DATA[:size]]).hex() == ROOTS[size - 1]


def test_a_tree_of_nothing_has_the_hash_of_nothing() -> None:
    assert merkle.root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(("index", "size"), PATHS)
def test_paths_are_those_of_certificate_transparency(index: int, size: int) -> None:
    hashes = [merkle.leaf(one) for one in DATA[:size]]
    assert [one.hex() for one in merkle.path(index, hashes)] == PATHS[index, size]


def hashes_of(size: int) -> list[bytes]:
    return [hashlib.sha256(bytes([number % 256, number // 256])).digest() for number in range(size)]


def recursive(hashes: list[bytes]) -> bytes:
    """MTH word by word as RFC 6962 §2.1 says it."""
    if len(hashes) == 1:
        return hashes[0]
    half = 1 << (len(hashes) - 1).bit_length() - 1
    return merkle.node(recursive(hashes[:half]), recursive(hashes[half:]))


@pytest.mark.parametrize("size", range(1, 70))
def test_every_path_leads_to_the_root_and_no_other_place_does(size: int) -> None:
    hashes = hashes_of(size)
    root = merkle.root(hashes)
    assert root == recursive(hashes)
    for index, one in enumerate(hashes):
        path = merkle.path(index, hashes)
        assert merkle.climb(index, size, one, path) == root
        for other in {0, index ^ 1, index + 1, size - 1} - {index}:
            assert merkle.climb(other, size, one, path) != root
        assert merkle.climb(index, size, hashes[index - 1], path) != root or size == 1
        assert merkle.climb(size, size, one, path) is None


@given(size=st.integers(1, 600), data=st.data(), power=st.integers(0, 6))
def test_a_tree_is_the_tree_over_the_roots_of_its_blocks(size: int, data: st.DataObject, power: int) -> None:
    hashes, block = hashes_of(size), 1 << power
    blocks = [merkle.root(hashes[at : at + block]) for at in range(0, size, block)]
    assert merkle.root(blocks) == merkle.root(hashes)
    index = data.draw(st.integers(0, size - 1))
    number, place = divmod(index, block)
    within = hashes[number * block : (number + 1) * block]
    assert merkle.path(place, within) + merkle.path(number, blocks) == merkle.path(index, hashes)


@given(size=st.integers(2, 300), data=st.data())
def test_a_path_with_anything_changed_leads_elsewhere(size: int, data: st.DataObject) -> None:
    hashes = hashes_of(size)
    index = data.draw(st.integers(0, size - 1))
    path = merkle.path(index, hashes)
    place = data.draw(st.integers(0, len(path) - 1))
    changed = [*path[:place], bytes([path[place][0] ^ 1]) + path[place][1:], *path[place + 1 :]]
    root = merkle.root(hashes)
    for wrong in (changed, path[:-1], [*path, path[0]], path[::-1] if path != path[::-1] else path[:-1]):
        assert merkle.climb(index, size, hashes[index], wrong) != root
