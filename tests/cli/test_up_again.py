"""`khue up` ends and begins again: by Ctrl-C, by a kill, on servers of somebody else's."""

import re
import signal
import socket

import asyncpg
import httpx2

from sandbox.phone import Resident
from tests import servers
from tests.cli.khue import Khue

PHONE = "+84981234567"
LEFT = "worker, api, sandbox, valkey, postgres"


def addresses_of(screen: str) -> list[str]:
    """The API's and the sandbox's."""
    return list(dict.fromkeys(re.findall(r"http://127.0.0.1:\d+", screen)))


async def account_of(phone: str, screen: str) -> str:
    """Sign in there, as on a phone; who one is."""
    api, sandbox = addresses_of(screen)
    async with httpx2.AsyncClient(base_url=api) as inside, httpx2.AsyncClient(base_url=sandbox) as outside:
        resident = Resident(inside, outside)
        await resident.sign_in_by_phone(phone)
        return (await resident.get("/v1/citizen/me"))["id"]


def ports_of(khue: Khue) -> list[str]:
    return [value for name, value in khue.environment.items() if name.endswith("_PORT")]


def listens(port: str) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", int(port))) == 0


async def test_a_killed_one_is_cleaned_up_by_the_next_which_has_everything_and_ends_by_ctrl_c(here: Khue) -> None:
    with here.up("--no-demo") as first:
        before = first.hear("╰")
        account = await account_of(PHONE, before)
        first.end(signal.SIGKILL)
        assert all(listens(port) for port in ports_of(here))
        with here.up("--no-demo") as second:
            after = second.hear("╰")
            assert f"Ended what an earlier start left running: {LEFT}." in after
            assert "is taken" not in after
            assert addresses_of(after) == addresses_of(before)
            assert await account_of(PHONE, after) == account
            said = second.end(signal.SIGINT)
            assert said.code == 0
            assert said.text.endswith("Stopped; the data is kept.\n")
            assert "Traceback" not in said.text
            assert not any(listens(port) for port in ports_of(here))


def test_a_process_that_cannot_start_ends_the_city_with_its_log(here: Khue) -> None:
    said = here.run("up", "--no-demo", SERVER__HOST="192.0.2.1")
    assert said.code == 1
    assert "api did not start. Its log ends:" in said.text
    assert "Traceback" not in said.text
    assert "Stopped; the data is kept." in said.text


async def test_servers_that_are_given_are_used_instead(shell: Khue, addresses: tuple[str, str]) -> None:
    url = await servers.clone(addresses[0], "khue_given")
    await servers.execute(
        url,
        "INSERT INTO account VALUES (gen_random_uuid(), NULL, NULL, 'tests', 'somebody', NULL, NULL, 'An', NULL, 0, 'vi', now(), 1)",
    )
    with shell.up(DATABASE_URL=url, REDIS_URL=addresses[1].replace("/0", "/15")) as up:
        screen = up.hear("╰")
        assert "This database has residents already" in screen
        assert "officer-0002" not in screen
        await account_of(PHONE, screen)
        assert not any((folder / "postgres").exists() for folder in (shell.home, shell.servers))
        assert not (shell.home / "valkey").exists()
        assert shell.run("down").text == "Stopped; the data is kept.\n"
        assert up.wait().code == 0
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT count(*) FROM account") == 2
    await connection.close()


def test_a_port_that_is_none_is_a_sentence(shell: Khue) -> None:
    said = shell.run("up", KHUE_VALKEY_PORT="soon")
    assert (said.code, said.text.splitlines()[0]) == (
        1,
        "Error: KHUE_VALKEY_PORT is 'soon'; a port is a number from 1 to 65535.",
    )
