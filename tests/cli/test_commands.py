"""The commands beside `up`: what each does to a database, and the sentences they say when it is not to be had."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from click.testing import CliRunner, Result

from app.cli.commands import main
from app.cli.home import ROOT
from app.cli.process import free_port
from app.core import db, outbox
from app.core.db import SCHEMA
from app.core.ids import new_id
from app.notifications.rules import PUSH_JOB
from tests import servers

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Khue = Callable[..., Result]


@pytest.fixture(scope="module")
async def town(environment: dict[str, str], addresses: tuple[str, str], process_name: str) -> dict[str, str]:
    """A database nobody else works on, with the reference data."""
    return environment | {"DATABASE_URL": await servers.clone(addresses[0], f"khue_{process_name}_cli")}


@pytest.fixture
def khue(town: dict[str, str], folder: Path) -> Khue:
    """Types a command, beside that database unless told otherwise."""

    def typed(*arguments: str, said: str = "", **changed: str) -> Result:
        shell = {"KHUE_HOME": str(folder / "home"), "COLUMNS": "200"} | town | changed
        return CliRunner().invoke(main, list(arguments), input=said, env=shell)

    return typed


def refused(result: Result) -> str:
    """The sentence of an error; no traceback stands behind it."""
    assert result.exit_code in {1, 2}
    assert isinstance(result.exception, SystemExit)
    return result.output


def test_help_names_every_command(khue: Khue) -> None:
    said = khue("--help").output
    for name in [
        "up",
        "down",
        "reset",
        "doctor",
        "api",
        "worker",
        "sandbox",
        "migrate",
        "seed",
        "administrator",
        "jobs",
        "audit",
        "doors",
        "openapi",
    ]:
        assert f"\n  {name} " in said


def test_migrating_twice_is_migrating_once(khue: Khue) -> None:
    once, twice = khue("migrate"), khue("migrate")
    assert once.exit_code == twice.exit_code == 0
    assert once.output == twice.output
    assert once.output.startswith("The schema is at 00")


def test_the_schema_can_be_written_as_sql(khue: Khue) -> None:
    written = khue("migrate", "--sql")
    assert written.exit_code == 0
    assert "CREATE TABLE ticket (" in written.output


def test_reference_data_are_loaded_twice_like_once(khue: Khue) -> None:
    said = khue("seed", "reference")
    assert said.exit_code == 0
    assert "   126 area\n" in said.output
    assert "   298 department\n" in said.output
    assert khue("seed", "reference").output == said.output


def test_the_demo_city_is_made_once(khue: Khue) -> None:
    assert khue("seed", "demo").output.endswith("The demo city is made.\n")
    assert khue("seed", "demo").output.endswith("The demo city is there already.\n")


async def test_the_demo_city_is_not_made_among_real_people(
    khue: Khue, addresses: tuple[str, str], process_name: str
) -> None:
    url = await servers.clone(addresses[0], f"khue_{process_name}_real")
    values = "gen_random_uuid(), NULL, NULL, 'tests', 'one', NULL, NULL, 'An', NULL, 0, 'vi', now(), 1"
    await servers.execute(url, f"INSERT INTO account VALUES ({values})")
    said = await asyncio.to_thread(khue, "seed", "demo", DATABASE_URL=url)
    assert "Error: This database has residents already" in refused(said)


async def test_the_first_administrator_is_made_once(khue: Khue, town: dict[str, str]) -> None:
    typed = ("administrator", "nv-0417", "Nguyễn Thị Minh", "--unit", "TTPVHCC")
    made = await asyncio.to_thread(khue, *typed)
    assert (made.exit_code, made.output) == (0, "nv-0417 administers the city.\n")
    assert (await asyncio.to_thread(khue, *typed)).output == "nv-0417 administers the city already.\n"
    assert await _administering(town["DATABASE_URL"], "nv-0417") == ["khue administrator"]


async def test_an_administrator_who_was_kept_out_or_is_so_for_a_while_is_made_one_again(
    khue: Khue, town: dict[str, str]
) -> None:
    typed = ("administrator", "nv-0418", "Trần Văn Bảo")
    await asyncio.to_thread(khue, *typed)
    mine = "FROM officer o WHERE o.id = officer_id AND subject = 'nv-0418'"
    kept_out = "UPDATE officer SET active = false WHERE subject = 'nv-0418'"
    for_a_while = f"UPDATE officer_grant SET until = now() + interval '1 d' {mine}"
    for statement in (kept_out, for_a_while):
        await servers.execute(town["DATABASE_URL"], statement)
        assert (await asyncio.to_thread(khue, *typed)).output == "nv-0418 administers the city.\n"
        assert await _administering(town["DATABASE_URL"], "nv-0418") == ["khue administrator"]


def test_an_administrator_works_for_a_unit_that_there_is(khue: Khue) -> None:
    assert "Error: No such unit or area." in refused(khue("administrator", "nv-0419", "An", "--unit", "NOWHERE"))


async def _administering(url: str, subject: str) -> list[str]:
    """Why they do, for each role held now in the whole city without an end."""
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(
        "SELECT g.reason FROM officer_grant g JOIN officer o ON o.id = officer_id WHERE subject = $1 AND active"
        " AND role_code = 'administrator' AND ended_at IS NULL AND until IS NULL"
        " AND num_nonnulls(g.department_code, g.area_code) = 0",
        subject,
    )
    await connection.close()
    return [row["reason"] for row in rows]


async def test_dead_letters_are_listed_shown_and_put_back(khue: Khue, town: dict[str, str]) -> None:
    dead = new_id()
    await _bury(town["DATABASE_URL"], dead)
    listed = await asyncio.to_thread(khue, "jobs", "list")
    assert str(dead) in listed.output
    assert "OSError" in listed.output
    shown = await asyncio.to_thread(khue, "jobs", "show", str(dead))
    assert "OSError: no route" in shown.output
    assert "failures 5" in shown.output
    assert "No dead letters." in (await asyncio.to_thread(khue, "jobs", "list", "--job", "other")).output
    assert (await asyncio.to_thread(khue, "jobs", "replay", str(dead))).output == "1 put back.\n"
    assert (await asyncio.to_thread(khue, "jobs", "list")).output == "No dead letters.\n"
    assert f"No dead letter {dead}." in refused(await asyncio.to_thread(khue, "jobs", "replay", str(dead)))


async def _bury(url: str, job_id: object) -> None:
    database = await db.connect(servers.plain_settings(url))
    async with database.transaction() as session:
        facts = {"args": {}, "failures": 5, "error": "OSError: no route", "created_at": NOW, "died_at": NOW}
        session.add(outbox.DeadLetter(id=job_id, job=PUSH_JOB.name, lane=PUSH_JOB.lane, **facts))
    await database.close()


def test_jobs_want_to_be_named(khue: Khue) -> None:
    unknown = str(new_id())
    assert f"No dead letter {unknown}." in refused(khue("jobs", "show", unknown))
    assert "Name ids, --job or --all." in refused(khue("jobs", "replay"))
    assert "not-an-id" in refused(khue("jobs", "show", "not-an-id"))


def test_doors_lists_every_audience_and_the_jobs(khue: Khue) -> None:
    said = khue("doors", COLUMNS="250").output
    for word in ("public", "citizen", "officer", "/v1/citizen/tickets", "Jobs: ", "push"):
        assert word in said


def test_the_committed_documents_are_the_generated_ones(khue: Khue) -> None:
    assert khue("openapi", "--check").output == "Unchanged: all documents.\n"


def test_down_and_doctor_where_nothing_runs(khue: Khue, town: dict[str, str]) -> None:
    assert khue("down").output == "Nothing is running here.\n"
    said = khue("doctor")
    assert said.exit_code == 1
    assert "0 alive" in said.output
    assert "→ Start one with `khue worker`." in said.output


@pytest.mark.parametrize(("answer", "kept"), [("n\n", True), ("", True), ("y\n", False)])
def test_reset_asks_first(khue: Khue, folder: Path, answer: str, *, kept: bool) -> None:
    (folder / "home").mkdir()
    (folder / "home" / "secrets.json").write_text("{}")
    assert f"Delete everything in {folder / 'home'}" in khue("reset", said=answer).output
    assert (folder / "home" / "secrets.json").exists() == kept


def test_reset_does_not_ask_who_says_yes(khue: Khue, folder: Path) -> None:
    (folder / "home").mkdir()
    (folder / "home" / "secrets.json").write_text("{}")
    assert khue("reset", "--yes").output == "Gone. `khue up` makes a new city.\n"
    assert not (folder / "home" / "secrets.json").exists()


def test_the_doctor_names_what_is_not_set(khue: Khue) -> None:
    said = khue("doctor", SMS__URL="", CRYPTO__INDEX_KEY="short")
    assert said.exit_code == 1
    assert "SMS__URL is empty" in said.output
    assert "docker/env.example" in said.output


async def test_the_doctor_says_how_each_part_is_mended(
    khue: Khue, addresses: tuple[str, str], process_name: str
) -> None:
    empty = servers.with_database(addresses[0], f"khue_{process_name}_empty")
    await servers.drop(addresses[0], f"khue_{process_name}_empty")
    await servers.execute(addresses[0], f'CREATE DATABASE "khue_{process_name}_empty"')
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    said = await asyncio.to_thread(
        khue, "doctor", DATABASE_URL=empty, REDIS_URL=nowhere, FCM__CREDENTIALS_FILE="/no/such/file"
    )
    assert said.exit_code == 1
    for words in ("at None, code wants", "→ Run `khue migrate`.", "/no/such/file", "Redis", "does not answer"):
        assert words in said.output


NOWHERE = f"postgresql://khue:secret-word@127.0.0.1:{free_port()}/khue"


@pytest.mark.parametrize("command", [("migrate",), ("seed", "reference"), ("jobs", "list")])
def test_a_database_that_is_not_there_is_a_sentence(khue: Khue, command: tuple[str, ...]) -> None:
    said = refused(khue(*command, DATABASE_URL=NOWHERE))
    assert said.startswith("Error: ")
    assert "`khue doctor` may say more." in said
    assert "secret-word" not in said


def test_the_doctor_knows_a_database_that_is_not_there(khue: Khue) -> None:
    said = khue("doctor", DATABASE_URL=NOWHERE)
    assert re.search(r"✗ +PostgreSQL +does not answer", said.output)
    assert "secret-word" not in said.output


@pytest.mark.parametrize(
    ("command", "fault", "sentence"),
    [
        ("api", "kind", "DATABASE_URL does not fit: it begins with postgresql:// or postgres://."),
        ("api", "password", "PostgreSQL cannot be used: password authentication failed"),
        ("worker", "schema", f"The schema is at nothing, and {SCHEMA} is needed: run `khue migrate`."),
    ],
)
def test_a_process_that_cannot_start_says_why(
    town: dict[str, str], addresses: tuple[str, str], folder: Path, command: str, fault: str, sentence: str
) -> None:
    parts = urlsplit(town["DATABASE_URL"])
    changed = {
        "kind": {"DATABASE_URL": "mysql://localhost/khue"},
        "password": {"DATABASE_URL": parts._replace(netloc=f"khue:wrong@127.0.0.1:{parts.port}").geturl()},
        "schema": {"DATABASE_URL": servers.with_database(addresses[0], "postgres")},
    }[fault]
    shell = os.environ | town | {"KHUE_HOME": str(folder)} | changed
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", command],
        env=shell | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(sentence)
    assert "Traceback" not in done.stderr
    assert "secret-word" not in done.stderr
