"""Migrations that run at the same moment: one does it, the others wait for it and find it done."""

import asyncio
import os
import sys
from pathlib import Path

from app.cli import setup
from app.cli.home import ROOT
from tests import servers


async def test_two_may_migrate_at_once(
    environment: dict[str, str], addresses: tuple[str, str], process_name: str, folder: Path
) -> None:
    name = f"khue_{process_name}_twice"
    await servers.drop(addresses[0], name)
    await asyncio.to_thread(setup.make_database, addresses[0], name)
    changed = {"DATABASE_URL": servers.with_database(addresses[0], name), "KHUE_HOME": str(folder / "home")}
    told = os.environ | environment | changed | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "app.cli", "migrate"]
    both = [await asyncio.create_subprocess_exec(*command, env=told, stdout=asyncio.subprocess.PIPE) for _ in range(2)]
    said = [(await asyncio.wait_for(one.communicate(), 60))[0] for one in both]
    assert [one.returncode for one in both] == [0, 0], said
