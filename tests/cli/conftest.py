"""Shells to type `khue` into."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.cli.khue import Khue, own_ports


@pytest.fixture
def shell(tmp_path: Path, bytecode: dict[str, str]) -> Generator[Khue]:
    """In a folder where no city is."""
    khue = Khue(tmp_path / "home", bytecode | own_ports())
    yield khue
    khue.forget()


@pytest.fixture(scope="package")
def here(bytecode: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Generator[Khue]:
    """In the folder where the city of these tests is."""
    khue = Khue(tmp_path_factory.mktemp("cli") / "home", bytecode | own_ports())
    yield khue
    khue.forget()
