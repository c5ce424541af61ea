"""`khue audit verify`: the owner of the tables changes the past, and it shows."""

import asyncio
import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from click.testing import CliRunner, Result
from joserfc import jws
from joserfc.jwk import ECKey
from sqlalchemy import select

from app.cli.commands import main
from app.core import merkle
from app.core.audit import AuditEntry
from app.core.ids import new_id
from app.core.principals import Nobody
from app.trail import rules, sealing
from app.trail.models import TrailLeaf
from tests.trail.conftest import Town

Khue = Callable[..., Result]


@pytest.fixture
def khue(environment: dict[str, str], victim: Town, folder: Path) -> Khue:
    def typed(*arguments: str) -> Result:
        shell = environment | {"DATABASE_URL": victim.house.settings.database_url, "COLUMNS": "300"}
        return CliRunner().invoke(main, list(arguments), env=shell | {"KHUE_HOME": str(folder / "home")})

    return typed


async def lived(town: Town) -> tuple[list[date], list[UUID]]:
    """Three sealed days; of the middle one, its four entries."""
    await town.happens(Nobody())
    days = [await town.pass_day()]
    entries = [await town.happens(Nobody(), reason=f"lý do {number}") for number in range(4)]
    days.append(await town.pass_day())
    await town.happens(Nobody())
    return [*days, await town.pass_day()], entries


async def verify(khue: Khue, *arguments: str) -> tuple[int, list[str]]:
    said = await asyncio.to_thread(khue, "audit", "verify", *arguments)
    assert said.exception is None or isinstance(said.exception, SystemExit), said.output
    return said.exit_code, said.output.splitlines()


async def test_a_whole_trail_is_said_to_be_whole(victim: Town, khue: Khue) -> None:
    assert await verify(khue) == (0, ["No day is sealed here."])
    days, _ = await lived(victim)
    code, said = await verify(khue)
    assert (code, said[0]) == (0, f"The trail is whole from {days[0]} to {days[2]}: 3 days, 6 entries.")
    assert said[1].startswith("Not sealed yet: ")
    code, said = await verify(khue, "--from", str(days[1]), "--to", str(days[1]))
    assert (code, said) == (0, [f"The trail is whole from {days[1]} to {days[1]}: 1 days, 4 entries."])
    assert (await verify(khue, "--from", "2026-02-02", "--to", "2026-02-01"))[0] == 2
    assert (await verify(khue, "--from", "yesterday"))[0] == 2


TAMPERINGS = {
    "changed": ("UPDATE audit_entry SET reason = 'khác' WHERE id = '{1}'", "entry {1}: it was changed after"),
    "another reader": ("UPDATE audit_entry SET actor_id = id WHERE id = '{1}'", "entry {1}: it was changed after"),
    "another address": (
        "UPDATE audit_entry SET address = '10.0.0.1' WHERE id = '{1}'",
        "entry {1}: it was changed after",
    ),
    "another time": (
        "UPDATE audit_entry SET at = at + interval '1 s' WHERE id = '{1}'",
        "entry {1}: it was changed after",
    ),
    "removed": ("DELETE FROM audit_entry WHERE id = '{2}'", "entry {2}: it was removed after"),
    "removed with its leaf": (
        "DELETE FROM audit_entry WHERE id = '{1}'; DELETE FROM trail_leaf WHERE entry_id = '{1}'",
        "entry {2}: place 1 before it is empty",
    ),
    "removed at the end": (
        "DELETE FROM audit_entry WHERE id = '{3}'; DELETE FROM trail_leaf WHERE entry_id = '{3}'",
        "something is another than it was",
    ),
    "removed and the places closed": (
        (
            "DELETE FROM audit_entry WHERE id = '{1}'; DELETE FROM trail_leaf WHERE entry_id = '{1}';"
            "UPDATE trail_leaf SET position = 1 WHERE entry_id = '{2}';"
            "UPDATE trail_leaf SET position = 2 WHERE entry_id = '{3}'"
        ),
        "something is another than it was",
    ),
    "reordered": (
        (
            "UPDATE trail_leaf SET position = 9 WHERE entry_id = '{1}';"
            "UPDATE trail_leaf SET position = 1 WHERE entry_id = '{2}';"
            "UPDATE trail_leaf SET position = 2 WHERE entry_id = '{1}'"
        ),
        "entry {1}: it is not at its place",
    ),
    "no leaf": ("DELETE FROM trail_leaf WHERE entry_id = '{3}'", "something is another than it was"),
    "another salt": ("UPDATE trail_leaf SET salt = hash WHERE entry_id = '{1}'", "entry {1}: it was changed after"),
    "another root": ("UPDATE trail_day SET root = previous WHERE day = '{day}'", "its row says something else"),
    "another count": ("UPDATE trail_day SET count = 3 WHERE day = '{day}'", "its row says something else"),
    "bad signature": (
        "UPDATE trail_day SET jws = left(jws, -10) || 'AAAAAAAAAA' WHERE day = '{day}'",
        "its signature is not one of the key",
    ),
    "no signature": ("UPDATE trail_day SET jws = 'nothing' WHERE day = '{day}'", "its signature is not one of the key"),
    "unknown key": ("UPDATE trail_day SET kid = 'mine' WHERE day = '{day}'", "key mine, which is none of the trail's"),
    "a day gone": ("DELETE FROM trail_day WHERE day = '{day}'", "it is missing from the chain, which goes on at"),
    "another day before": (
        (
            "UPDATE trail_day a SET jws = b.jws, previous = b.previous FROM trail_day b"
            " WHERE a.day = '{day}' AND b.day = a.day - 1"
        ),
        "its row says something else than what was signed",
    ),
}


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_what_the_owner_changes_is_found_and_named(victim: Town, khue: Khue, name: str) -> None:
    days, entries = await lived(victim)
    statements, words = TAMPERINGS[name]
    await victim.tamper(*statements.format(*entries, day=days[1]).split(";"))
    code, said = await verify(khue)
    assert code == 1
    assert said[0].startswith(f"Day {days[1]}")
    assert words.format(*entries) in said[0]
    assert said[-1].startswith("The trail is NOT whole: ")
    elsewhere, _ = await verify(khue, "--from", str(days[0]), "--to", str(days[0]))
    assert elsewhere == (0 if name != "a day gone" else 1)


async def test_an_entry_put_in_afterwards_is_found_before_and_after_it_is_sealed(victim: Town, khue: Khue) -> None:
    days, _ = await lived(victim)
    late = new_id()
    await victim.tamper(
        "INSERT INTO audit_entry (id, at, actor_kind, action, subject_kind, subject_id, reason)"
        f" VALUES ('{late}', '{days[1]}T12:00:00Z', 'officer', 'x', 'thing', '', '')"
    )
    code, said = await verify(khue)
    assert code == 1
    assert said[0] == (
        f"Day {days[1]}, entry {late}: it says {days[1]}T12:00:00.000000Z, and came in when that day was sealed already"
        " (or a clock was wrong)."
    )
    victim.now += timedelta(days=1)
    assert await victim.seal() == days[2] + timedelta(days=1)
    code, said = await verify(khue)
    assert code == 1
    assert f"entry {late}: it says {days[1]}" in said[0]


async def test_an_entry_that_would_never_be_sealed_is_found(victim: Town, khue: Khue) -> None:
    await lived(victim)
    hidden = await victim.happens(Nobody())
    await victim.tamper(f"DELETE FROM trail_pending WHERE entry_id = '{hidden}'")
    code, said = await verify(khue)
    assert code == 1
    assert f"entry {hidden}: it is neither sealed nor waits to be." in said[0]


async def test_an_entry_removed_before_it_was_sealed_is_found(victim: Town, khue: Khue) -> None:
    await lived(victim)
    gone = await victim.happens(Nobody())
    await victim.tamper(f"DELETE FROM audit_entry WHERE id = '{gone}'")
    code, said = await verify(khue)
    assert (code, said[0]) == (1, f"The trail, entry {gone}: it was removed before it was sealed.")


async def test_an_entry_changed_with_leaf_and_block_still_does_not_lead_to_the_root(victim: Town, khue: Khue) -> None:
    """Whoever knows the code can make everything fit, but for what was signed."""
    days, entries = await lived(victim)
    await victim.tamper(f"UPDATE audit_entry SET reason = 'khác' WHERE id = '{entries[1]}'")
    async with victim.house.database.transaction() as db:
        entry = await db.get_one(AuditEntry, entries[1])
        leaf = (await db.scalars(select(TrailLeaf).where(TrailLeaf.entry_id == entry.id))).one()
        hashed = rules.hash_of(rules.text_of(entry, leaf.salt), leaf.salt)
    await victim.tamper(f"UPDATE trail_leaf SET hash = '\\x{hashed.hex()}' WHERE entry_id = '{entries[1]}'")
    code, said = await verify(khue)
    assert code == 1
    assert f"Day {days[1]}: between the entries {entries[0]} and {entries[3]}" in said[0]
    rows = await victim.house.database.hot.fetch(
        "SELECT hash FROM trail_leaf WHERE day = $1 ORDER BY position", days[1]
    )
    block = merkle.root([row["hash"] for row in rows])
    await victim.tamper(f"UPDATE trail_day SET blocks = '\\x{block.hex()}' WHERE day = '{days[1]}'")
    code, said = await verify(khue)
    assert (code, said[0]) == (1, f"Day {days[1]}: its entries do not lead to the root that was signed.")


async def test_a_day_signed_anew_by_another_key_breaks_the_chain(victim: Town, khue: Khue) -> None:
    """Even by somebody who can put a key of theirs among the trail's: the day after follows another record."""
    days, _ = await lived(victim)
    row = await victim.house.database.hot.fetchrow("SELECT * FROM trail_day WHERE day = $1", days[1])
    assert row is not None
    key = ECKey.generate_key("P-256", parameters={"kid": "evil", "use": "sig", "alg": "ES256"})
    record = json.loads(sealing.payload_of(row["jws"])) | {"iss": "mallory"}
    payload = json.dumps(record).encode()
    header = {"alg": "ES256", "typ": rules.TYP, "kid": "evil"}
    signed = jws.serialize_compact(header, payload, key, algorithms=["ES256"])
    public = json.dumps(key.as_dict(private=False))
    await victim.tamper(
        "INSERT INTO signing_key (kid, purpose, state, public, created_at, retired_at)"
        f" VALUES ('evil', 'trail', 'old', '{public}', now(), now())",
        f"UPDATE trail_day SET kid = 'evil', jws = '{signed}' WHERE day = '{days[1]}'",
    )
    code, said = await verify(khue)
    assert (code, said[0]) == (
        1,
        f"Day {days[2]}: it does not follow {days[1]}: one of the two records is another than it was.",
    )


async def test_the_first_days_gone_are_missed(victim: Town, khue: Khue) -> None:
    days, _ = await lived(victim)
    await victim.tamper(f"DELETE FROM trail_day WHERE day < '{days[2]}'")
    code, said = await verify(khue)
    assert code == 1
    assert said[0] == f"Day {days[2]}: it says that days were sealed before it, and they are missing."
    assert f"Day {days[0]}: its entries were sealed, and its record is missing." in said


async def test_a_past_that_was_written_anew_whole_shows_against_what_others_kept(
    victim: Town, khue: Khue, folder: Path
) -> None:
    """The last defence: a newspaper saved the public list."""
    days, entries = await lived(victim)
    (folder / "kept.json").write_text(json.dumps(await victim.make.nobody().get("/v1/public/trail/days")))
    pinned = ("--pinned", str(folder / "kept.json"))
    assert (await verify(khue, *pinned))[0] == 0
    await victim.tamper(
        "DELETE FROM trail_day",
        "DELETE FROM trail_leaf",
        f"DELETE FROM audit_entry WHERE id = '{entries[1]}'",
    )
    victim.now -= timedelta(days=2)
    for _ in range(3):
        assert await victim.seal() is not None
        victim.now += timedelta(days=1)
    assert (await verify(khue))[0] == 0
    code, said = await verify(khue, *pinned)
    assert code == 1
    assert f"Day {days[1]}: it has another root than the one that was kept." in said
    await victim.tamper(
        f"DELETE FROM trail_day WHERE day = '{days[2]}'", "DELETE FROM trail_leaf WHERE day > '2000-01-01'"
    )
    assert f"Day {days[2]}: it was kept by somebody, and is missing." in (await verify(khue, *pinned))[1]
    (folder / "kept.json").write_text("{}")
    assert (await verify(khue, *pinned))[0] == 2


async def test_many_findings_are_counted_and_not_all_listed(victim: Town, khue: Khue) -> None:
    for _ in range(60):
        await victim.happens(Nobody())
    await victim.pass_day()
    await victim.tamper("UPDATE audit_entry SET reason = 'x'")
    code, said = await verify(khue)
    assert code == 1
    assert said[-2:] == ["… and 10 more.", said[-1]]
    assert said[-1] == "The trail is NOT whole: 60 found in 1 days with 60 entries."
