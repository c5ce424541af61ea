"""`khue up` beside which somebody types: what it says, what answers, what it mends, what it refuses."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Generator

import pytest

from app.cli.home import PORTS, ROOT
from tests.cli.khue import Khue, Up


@pytest.fixture(scope="module")
def city(here: Khue) -> Generator[Up]:
    """The demo city, as `make run` leaves it for somebody to look at."""
    with here.up() as up:
        up.hear("╰")
        yield up


@pytest.fixture
def screen(city: Up) -> str:
    return "".join(city.heard)


def answers(url: str) -> int:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.status


def test_it_says_each_step_and_how_long_it_took(screen: str) -> None:
    for step in ("PostgreSQL and Valkey", "Schema", "Reference data", "Demo city", "Sandbox, API, workers"):
        assert re.search(rf"✓ {step}.* \(\d+\.\d s\)", screen), step


def test_every_address_it_names_answers(screen: str) -> None:
    addresses = re.findall(r"http://[^\s│]+", screen)
    assert len(addresses) == 3
    assert {answers(address) for address in addresses} == {200}


def test_the_people_it_names_are_there(screen: str, here: Khue) -> None:
    assert "0912 000 001" in screen
    assert "officer-0002" in screen
    assert here.run("seed", "demo").text == "The demo city is there already.\n"


def test_the_whole_story_can_be_walked(city: Up, here: Khue) -> None:
    command = [sys.executable, "-m", "sandbox.demo"]
    shell = os.environ | {"KHUE_HOME": str(here.home), "PYTHONPATH": str(ROOT)}
    told = subprocess.run(command, env=shell, capture_output=True, text=True, check=False, timeout=60)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "13." in told.stdout
    assert "Every step is as it should be." in told.stdout


def test_the_doctor_finds_nothing(city: Up, here: Khue) -> None:
    said = here.run("doctor")
    assert (said.code, said.text.count("✗")) == (0, 0), said.text
    assert said.text.count("✓") >= 14


def test_a_second_one_in_the_same_folder_is_refused(city: Up, here: Khue) -> None:
    said = here.run("up")
    assert (said.code, said.text.splitlines()[0]) == (1, "Error: This city is already up; `khue down` stops it.")


def test_what_is_up_is_not_thrown_away(city: Up, here: Khue) -> None:
    said = here.run("reset", "--yes")
    assert (said.code, said.text.splitlines()[0]) == (1, "Error: The city is up; stop it first with `khue down`.")
    assert (here.home / "secrets.json").exists()


def test_another_clone_moves_to_free_ports_and_says_so_and_its_end_is_its_own(
    city: Up, here: Khue, shell: Khue
) -> None:
    other = Khue(shell.home, here.environment)
    with other.up("--no-demo") as up:
        screen = up.hear("╰")
        assert len(re.findall(r"Port \d+ \(\w+\) is taken; using \d+\.", screen)) == len(PORTS)
        assert "officer-0002" not in screen
        theirs = re.search(r"http://127.0.0.1:\d+", screen)
        ours = re.search(r"http://127.0.0.1:\d+", "".join(city.heard))
        assert theirs is not None
        assert ours is not None
        assert theirs[0] != ours[0]
        assert answers(f"{theirs[0]}/health/ready") == answers(f"{ours[0]}/health/ready") == 200
        up.end(signal.SIGKILL)
        assert other.run("down").text == "Ended what was left running: worker, api, sandbox, valkey, postgres.\n"
        with pytest.raises(OSError, match="refused"):
            answers(f"{theirs[0]}/health/ready")
        assert answers(f"{ours[0]}/health/ready") == 200


@pytest.mark.parametrize("name", ["worker", "api", "sandbox"])
def test_a_process_that_dies_is_started_again(city: Up, here: Khue, name: str) -> None:
    died = int((here.home / f"{name}.pid").read_text())
    os.kill(died, signal.SIGKILL)
    city.hear(f"{name} died and was started again")
    assert int((here.home / f"{name}.pid").read_text()) != died


@pytest.mark.parametrize("name", ["PostgreSQL", "Valkey"])
def test_a_server_that_dies_is_started_again(city: Up, here: Khue, name: str) -> None:
    folder = here.servers if name == "PostgreSQL" else here.home
    os.kill(int((folder / f"{'postgres' if name == 'PostgreSQL' else 'valkey'}.pid").read_text()), signal.SIGKILL)
    city.hear(f"{name} died and was started again")
    assert here.run("jobs", "list").code == 0
