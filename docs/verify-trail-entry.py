#!/usr/bin/env python3
"""Checks that an entry is in the sealed trail of the city, with nothing but Python: no network, no other packages.

    python3 verify-trail-entry.py proof.json trail-keys.json [--root HEX]

`proof.json` is what the app downloads, `trail-keys.json` the city's public keys, `--root` the day's root as a newspaper or
anybody else kept it. The page trail.md says what each step means. Exit code 0: it is in the trail. 1: it is not. 2: not a proof.
"""

import argparse
import base64
import hashlib
import json
import sys

# The curve P-256 (FIPS 186-5, SP 800-186).
P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


class Refused(Exception):
    """What is wrong, for the person who asked."""


class NoProof(Exception):
    """The file cannot be read as what it should be."""


def add(one, two):
    """The sum of two points; None is the point at infinity."""
    if one is None or two is None:
        return one or two
    if one[0] == two[0] and (one[1] + two[1]) % P == 0:
        return None
    if one == two:
        slope = (3 * one[0] ** 2 - 3) * pow(2 * one[1], -1, P)
    else:
        slope = (two[1] - one[1]) * pow(two[0] - one[0], -1, P)
    x = (slope**2 - one[0] - two[0]) % P
    return x, (slope * (one[0] - x) - one[1]) % P


def times(factor, point):
    total = None
    while factor:
        if factor & 1:
            total = add(total, point)
        point, factor = add(point, point), factor >> 1
    return total


def signed(key, message, signature):
    """Whether an ES256 signature (RFC 7518 §3.4) is good."""
    x, y = (int.from_bytes(decode(key[name]), "big") for name in ("x", "y"))
    if not (x < P and y < P and (y * y - x**3 + 3 * x - B) % P == 0) or len(signature) != 64:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not (0 < r < N and 0 < s < N):
        return False
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    inverse = pow(s, -1, N)
    point = add(times(digest * inverse % N, G), times(r * inverse % N, (x, y)))
    return point is not None and point[0] % N == r


def decode(text):
    """base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def record_of(proof, keys):
    """What the city signed of the day, if its signature is good."""
    head, payload, signature = proof["jws"].split(".")
    header = json.loads(decode(head))
    if header.get("alg") != "ES256" or header.get("typ") != "khue-trail-day+jws":
        raise Refused("The record of the day is not signed as the city signs.")
    key = next((one for one in keys["keys"] if one["kid"] == header.get("kid") and one.get("crv") == "P-256"), None)
    if key is None:
        raise Refused(f"The record is signed with the key {header.get('kid')}, which is not among these public keys.")
    if not signed(key, f"{head}.{payload}".encode(), decode(signature)):
        raise Refused("The signature is wrong: the record was changed, or another key signed it.")
    return json.loads(decode(payload))


def climb(index, size, reached, path):
    """The root to which the path leads from a leaf (RFC 9162 §2.1.3.2)."""
    last = size - 1
    for beside in path:
        if last == 0:
            return None
        if index & 1 or index == last:
            reached = hashlib.sha256(b"\x01" + beside + reached).digest()
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            reached = hashlib.sha256(b"\x01" + reached + beside).digest()
        index, last = index >> 1, last >> 1
    return reached if last == 0 else None


def check(proof, keys, kept_root):
    """The entry and the day's record. Raises Refused."""
    if proof["format"] != "khue-trail-proof/1":
        raise NoProof("a form of proof that this script does not know")
    record = record_of(proof, keys)
    if proof["root"] != record["root"] or proof["day"] != record["day"]:
        raise Refused("The file names another root or day than the record that the city signed.")
    if kept_root and kept_root.lower() != record["root"]:
        raise Refused("The root that you kept is another: the city has signed two different records of this day.")
    index, size = proof["index"], proof["size"]
    if size != record["count"] or not 0 <= index < size:
        raise Refused("The place of the entry is not in a trail of this size.")
    leaf = hashlib.sha256(b"\x00" + bytes.fromhex(proof["salt"]) + proof["entry"].encode()).digest()
    reached = climb(index, size, leaf, [bytes.fromhex(one) for one in proof["path"]])
    if reached is None or reached.hex() != record["root"]:
        raise Refused(
            "The entry is not in the trail: the entry, its place or the path is another than what was sealed."
        )
    return json.loads(proof["entry"]), record


def read(name):
    with open(name, encoding="utf-8") as file:
        return json.load(file)


def main():
    parser = argparse.ArgumentParser(description="Checks that an entry is in the sealed trail of the city.")
    parser.add_argument("proof", help="the proof, as it was downloaded")
    parser.add_argument("keys", help="the city's public keys: /.well-known/trail-keys.json, saved")
    parser.add_argument("--root", help="the root of that day, as somebody else kept it")
    given = parser.parse_args()
    try:
        proof = read(given.proof)
        entry, record = check(proof, read(given.keys), given.root)
    except Refused as wrong:
        sys.exit(f"NOT PROVED. {wrong}")
    except (NoProof, OSError, ValueError, KeyError, TypeError, AttributeError) as wrong:
        print(f"This cannot be read as a proof and keys: {type(wrong).__name__}: {wrong}", file=sys.stderr)
        sys.exit(2)
    print(f"PROVED. This entry is number {proof['index'] + 1} of {record['count']}")
    print(f"in the trail of {record['day']} (UTC), which {record['iss']} has signed. The root is {record['root']}.")
    for name in sorted(entry):
        if entry[name] not in ("", None, {}):
            print(f"  {name}: {entry[name]}")


if __name__ == "__main__":
    main()
