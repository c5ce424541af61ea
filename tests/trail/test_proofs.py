"""The proof that a resident takes home and checks without us."""

import base64
import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from app.core.ids import new_id
from app.core.principals import Citizen, Nobody
from sandbox.phone import Resident
from tests.trail.conftest import PATH, Town, id_of, opened, script

KEYS = "/.well-known/trail-keys.json"


async def test_a_proof_is_to_be_had_tomorrow(town: Town) -> None:
    citizen = await town.make.citizen()
    entry = await opened(town, citizen)
    wrong = await citizen.get(f"{PATH}/{entry}/proof", status=409)
    assert wrong["code"] == "not-sealed-yet"
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    assert wrong["params"]["available_at"] == f"{tomorrow}T08:00+07:00"
    assert wrong["params"]["available_at"] in wrong["detail"]
    assert [one["sealed"] for one in (await citizen.get(PATH))["items"]] == [False]
    await town.pass_day()
    assert [one["sealed"] for one in (await citizen.get(PATH))["items"]] == [True]
    answer = await citizen.call("GET", f"{PATH}/{entry}/proof", status=200)
    assert answer.headers["content-disposition"] == f'attachment; filename="khue-proof-{entry}.json"'
    assert "no-store" in answer.headers["cache-control"]


async def proof_of(town: Town, citizen: Resident) -> tuple[dict[str, Any], Any]:
    """One of several entries of a day, with its proof and the keys."""
    for number in range(3):
        await opened(town, await town.make.citizen(), reason=f"người khác {number}")
    entry = await opened(town, citizen)
    for number in range(2):
        await opened(town, await town.make.citizen(), reason=f"người khác {number}")
    await town.pass_day()
    return await citizen.get(f"{PATH}/{entry}/proof"), await town.make.nobody().get(KEYS)


async def test_a_resident_checks_a_proof_without_us(town: Town, folder: Path) -> None:
    citizen = await town.make.citizen()
    proof, keys = await proof_of(town, citizen)
    code, words = script(folder, proof, keys)
    assert (code, words.splitlines()[0]) == (0, "PROVED. This entry is number 4 of 6")
    assert "reason: gọi lại theo yêu cầu" in words
    day = await town.make.nobody().get(f"/v1/public/trail/days/{proof['day']}")
    assert script(folder, proof, keys, "--root", day["root"].upper())[0] == 0
    assert "10.1.2.3" not in json.dumps(proof)
    assert "req-12345678" not in json.dumps(proof)


async def test_ones_own_act_has_a_proof_too(town: Town, folder: Path) -> None:
    citizen = await town.make.citizen()
    me = await id_of(citizen)
    entry = await town.happens(Citizen(me, new_id(), 1), "signed-in", account_id=me, method="eid")
    for_child = await town.happens(Citizen(new_id(), new_id(), 1, actor_id=me), "consent.granted", account_id=new_id())
    await town.pass_day()
    keys = await town.make.nobody().get(KEYS)
    for one in (entry, for_child):
        assert script(folder, await citizen.get(f"{PATH}/{one}/proof"), keys)[0] == 0


def changed_entry(proof: dict[str, Any], _: Any) -> None:
    proof["entry"] = proof["entry"].replace("gọi lại", "kiểm tra")


def changed_path(proof: dict[str, Any], _: Any) -> None:
    proof["path"][1] = "00" * 32


def cut_path(proof: dict[str, Any], _: Any) -> None:
    proof["path"].pop()


def another_place(proof: dict[str, Any], _: Any) -> None:
    proof["index"] -= 1


def another_size(proof: dict[str, Any], _: Any) -> None:
    proof["size"] += 1


def another_salt(proof: dict[str, Any], _: Any) -> None:
    proof["salt"] = "00" * 16


def another_root(proof: dict[str, Any], _: Any) -> None:
    proof["root"] = "00" * 32


def signed_root_changed(proof: dict[str, Any], _: Any) -> None:
    head, _, signature = proof["jws"].split(".")
    payload = json.dumps(json.loads(jws.extract_compact(proof["jws"].encode()).payload) | {"root": "00" * 32})
    proof["jws"] = f"{head}.{base64.urlsafe_b64encode(payload.encode()).rstrip(b'=').decode()}.{signature}"
    proof["root"] = "00" * 32


def other_key(_: dict[str, Any], keys: Any) -> None:
    for key in keys["keys"]:
        key |= {name: ECKey.generate_key("P-256").as_dict(private=False)[name] for name in ("x", "y")}


def resigned(proof: dict[str, Any], _: Any) -> None:
    """By somebody who is not the city, under the city's key id."""
    header = {"alg": "ES256", "typ": "khue-trail-day+jws", "kid": proof["kid"]}
    payload = jws.extract_compact(proof["jws"].encode()).payload
    proof["jws"] = jws.serialize_compact(header, payload, ECKey.generate_key("P-256"), algorithms=["ES256"])


def no_such_key(_: dict[str, Any], keys: Any) -> None:
    keys["keys"] = [key | {"kid": uuid.uuid4().hex} for key in keys["keys"]]


def unsigned(proof: dict[str, Any], _: Any) -> None:
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": proof["kid"]}).encode()).rstrip(b"=").decode()
    proof["jws"] = f"{head}.{proof['jws'].split('.')[1]}."


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (changed_entry, "The entry is not in the trail"),
        (changed_path, "The entry is not in the trail"),
        (cut_path, "The entry is not in the trail"),
        (another_place, "The entry is not in the trail"),
        (another_salt, "The entry is not in the trail"),
        (another_size, "The place of the entry is not in a trail of this size"),
        (another_root, "names another root or day"),
        (signed_root_changed, "The signature is wrong"),
        (other_key, "The signature is wrong"),
        (resigned, "The signature is wrong"),
        (no_such_key, "is not among these public keys"),
        (unsigned, "not signed as the city signs"),
    ],
)
async def test_a_proof_that_was_tampered_with_proves_nothing(
    town: Town, folder: Path, sealed_proof: tuple[dict[str, Any], Any], tamper: Any, words: str
) -> None:
    proof, keys = json.loads(json.dumps(sealed_proof))
    tamper(proof, keys)
    code, said = script(folder, proof, keys)
    assert code == 1
    assert said.startswith("NOT PROVED. ")
    assert words in said


@pytest.fixture(scope="module")
async def sealed_proof(town: Town) -> tuple[dict[str, Any], Any]:
    return await proof_of(town, await town.make.citizen())


async def test_a_root_that_somebody_kept_unmasks_a_second_history(
    folder: Path, sealed_proof: tuple[dict[str, Any], Any]
) -> None:
    code, said = script(folder, *sealed_proof, "--root", "ab" * 32)
    assert code == 1
    assert "two different records of this day" in said


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "khue-trail-proof/9"}', "no json"])
def test_what_is_no_proof_is_said_to_be_none(folder: Path, text: str) -> None:
    code, said = script(folder, text, {"keys": []})
    assert code == 2
    assert said.startswith("This cannot be read as a proof and keys")
    assert "Traceback" not in said


async def test_neighbours_on_a_path_cannot_be_guessed(town: Town) -> None:
    """Two entries that say the same have leaves that have nothing in common."""
    one, two = [await town.happens(Nobody(), "same") for _ in range(2)]
    day = await town.pass_day()
    rows = await town.house.database.hot.fetch("SELECT salt, hash FROM trail_leaf WHERE day = $1", day)
    assert one != two
    assert len({row["salt"] for row in rows} | {row["hash"] for row in rows}) == 4
    assert all(len(row["salt"]) == 32 for row in rows)
