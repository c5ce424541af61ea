"""The house as files: sizes, floors kept small, settings named, migrations in a row, words of the glossary."""

import ast
import asyncio
import json
import re
from pathlib import Path

import pytest
import yaml
from alembic import command
from alembic.script import ScriptDirectory

from app.cli import setup
from app.cli.home import ROOT
from app.core import db, settings
from app.core.jobs import all_jobs
from app.main.documents import documents
from tests import servers
from workers.registry import WORKERS

CODE = [
    path
    for folder in ("app", "workers", "sandbox", "seeds", "tests", "bench")
    for path in (ROOT / folder).rglob("*.py")
]
TEXTS = [*CODE, *(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "Makefile"]
SLICES = sorted({path.parent.name for path in (ROOT / "app").glob("*/__init__.py")} - {"core", "main", "cli"})


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_short(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, f"{node.name} is too long"


@pytest.mark.parametrize(
    "path",
    [one for one in CODE if one.name != "__init__.py" or one.stat().st_size],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_every_module_says_what_lives_in_it(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("name", SLICES)
def test_a_slice_has_ten_files_at_most(name: str) -> None:
    assert len([path for path in (ROOT / "app" / name).glob("*.py") if path.name != "__init__.py"]) <= 10


def test_arq_and_firebase_stay_in_workers() -> None:
    for path in CODE:
        if path.parts[len(ROOT.parts)] not in ("workers", "tests"):
            assert not re.search(r"^\s*(import|from) (arq|firebase_admin)\b", path.read_text(), re.MULTILINE), path


def test_env_example_names_exactly_the_settings() -> None:
    lines = (ROOT / "docker" / "env.example").read_text().splitlines()
    named = [line.partition("=")[0] for line in lines if line and not line.startswith("#")]
    assert named == settings.names()


def test_env_example_shows_the_defaults_of_the_code(environment: dict[str, str]) -> None:
    lines = (ROOT / "docker" / "env.example").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    required = {name: value for name, value in environment.items() if not given.get(name)}
    shown = settings.load({name: value for name, value in given.items() if value} | required)
    bare = settings.load({name: environment[name] for name in environment if name in required})
    for name in ("database", "server", "http", "limits", "log", "workers"):
        assert getattr(shown, name) == getattr(bare, name), name


def test_compose_runs_only_what_there_is() -> None:
    compose = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())
    assert {"api", "worker", "migrate", "sandbox"} <= set(compose["services"])
    assert compose["services"]["sandbox"]["profiles"] == ["sandbox"]


def test_migrations_are_numbered_in_a_row_with_one_head() -> None:
    scripts = ScriptDirectory.from_config(setup.alembic_config(""))
    revisions = [script.revision for script in scripts.walk_revisions()][::-1]
    assert revisions == [f"{number:04d}" for number in range(1, len(revisions) + 1)]
    assert (ROOT / "migrations" / "HEAD").read_text().strip() == revisions[-1] == db.SCHEMA


async def test_the_migrated_schema_is_the_models(addresses: tuple[str, str]) -> None:
    url = servers.with_database(addresses[0], servers.TEMPLATE)
    await asyncio.to_thread(command.check, setup.alembic_config(url))


def test_every_job_has_a_worker_and_every_worker_a_job() -> None:
    assert set(all_jobs()) == set(WORKERS)


@pytest.mark.parametrize("audience", ["public", "citizen", "officer", "partner"])
def test_the_committed_documents_are_the_generated_ones(audience: str) -> None:
    assert json.loads((ROOT / "openapi" / f"{audience}.json").read_text()) == json.loads(
        json.dumps(documents()[audience])
    )


@pytest.mark.parametrize("audience", ["public", "citizen", "officer", "partner"])
def test_every_operation_is_documented(audience: str) -> None:
    document = documents()[audience]
    assert document["info"]["title"]
    for item in document["paths"].values():
        for operation in item.values():
            assert operation["description"] if "description" in operation else operation["summary"]
            assert "default" in operation["responses"]


def test_the_glossary_names_what_the_code_has() -> None:
    table = [line for line in (ROOT / "docs" / "glossary.md").read_text().splitlines() if line.startswith("|")]
    names = {name for line in table for name in re.findall(r"`([A-Za-z_.]+)`", line.rsplit("|", 2)[1])}
    seeds = (ROOT / "seeds" / "reference").glob("*.csv")
    code = "\n".join(path.read_text() for path in [*CODE, *seeds])
    missing = {name for name in names if not re.search(rf"\b{re.escape(name.split('.')[-1])}\b", code)}
    assert len(names) > 20
    assert not missing


def test_nobody_says_report_for_ticket() -> None:
    allowed = ("test_files.py", "glossary.md")
    for path in TEXTS:
        if path.exists() and path.name not in allowed:
            assert not re.search(r"\breports?\b", re.sub(r"report[A-Z]\w+", "", path.read_text())), path


def test_no_committed_file_speaks_of_a_registry_or_of_this_machine() -> None:
    for path in [*TEXTS, *(ROOT / "locks").glob("*.txt"), ROOT / "pyproject.toml", *(ROOT / "docker").iterdir()]:
        if path.is_file() and path.name != "test_files.py":
            text = path.read_text()
            for word in ("pypi.org", "files.pythonhosted", "--index-url", "/work/", "/root/"):
                assert word not in text, f"{path} says {word}"
