"""`khue up`: one command runs a city. Starts everything, keeps it running, stops it in order."""

import asyncio
import os
import signal
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from msgspec import Struct
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from app.cli import setup
from app.cli.embedded import Postgres, Valkey
from app.cli.home import ROOT, Home, city_environment
from app.cli.process import CannotStart, Process, launch, looks, stop, stop_holder, tail
from app.core import db, settings
from app.core.settings import Settings
from seeds import city, load
from seeds.city import NotEmpty

T = TypeVar("T")

READY_S = 30.0
RESTARTS_MAX = 5
"""A process that dies more often than this within a minute takes the city down with its log."""

DATABASE = "khue"


class Child(Struct):
    name: str
    command: list[str]
    process: Process
    deaths: list[float]


class City:
    def __init__(self, home: Home, console: Console, *, demo: bool) -> None:
        self._home = home
        self._console = console
        self._demo = demo
        self._left = stop_leftovers(home)
        self._ports, self._moved = home.choose_ports()
        self._postgres: Postgres | None = None
        self._valkey: Valkey | None = None
        self._children: list[Child] = []
        self._environment: dict[str, str] = {}
        self._stopping = False

    def run(self) -> None:
        """Blocks until SIGINT or SIGTERM. Raises CannotStart."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        began = time.monotonic()
        try:
            self._start()
            if not self._stopping:
                self._say_ready(time.monotonic() - began)
            while not self._stopping:
                time.sleep(0.2)  # then see whether anything has died
                self._watch()
        except KeyboardInterrupt:
            pass
        finally:
            self._end()

    def _stop(self, *_: object) -> None:
        if not self._stopping:
            self._stopping = True
            raise KeyboardInterrupt

    def _start(self) -> None:
        if self._left:
            self._console.print(f"[yellow]Ended what an earlier start left running: {', '.join(self._left)}.[/]")
        for sentence in self._moved:
            self._console.print(f"[yellow]{sentence}[/]")
        url, redis = self._step("PostgreSQL and Valkey", self._start_servers)
        self._environment = city_environment(self._home, self._ports, url, redis) | self._given()
        self._home.keep_environment(self._environment)
        chosen = settings.load(self._environment)
        self._step("Schema", lambda: setup.migrate(url))
        self._step("Reference data", lambda: asyncio.run(_seed_reference(chosen)))
        if self._demo:
            self._make_demo(chosen)
        self._step("Sandbox, API, workers", self._start_processes)

    def _make_demo(self, chosen: Settings) -> None:
        what = "Demo city: 1,000 residents, 60 officers, 2,000 tickets"
        try:
            self._step(what, lambda: asyncio.run(_seed_demo(chosen)))
        except NotEmpty as wrong:
            self._demo = False
            self._console.print(f"[yellow]{wrong}[/]")

    def _start_servers(self) -> tuple[str, str]:
        url, redis = os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL")
        if not url:
            password = self._home.secrets()["postgres_password"]
            self._postgres = Postgres(self._home.servers, self._ports["postgres"], password)
            self._postgres.start()
            setup.make_database(self._postgres.url("postgres"), DATABASE)
            url = self._postgres.url(DATABASE)
        if not redis:
            self._valkey = Valkey(self._home.folder, self._ports["valkey"])
            self._valkey.start()
            redis = self._valkey.url()
        return url, redis

    def _given(self) -> dict[str, str]:
        """What the shell says goes before what we would choose; its wish for a port was heard already."""
        known = set(settings.names()) - {"SERVER__PORT"}
        return {name: value for name, value in os.environ.items() if name in known}

    def _start_processes(self) -> None:
        ports, sandbox = self._ports, self._home.folder / "sandbox"
        self._spawn(
            "sandbox",
            *(
                "-m",
                "sandbox",
                "--port",
                str(ports["sandbox"]),
                "--fcm-port",
                str(ports["fcm"]),
                "--home",
                str(sandbox),
            ),
        )
        self._spawn("api", "-m", "app.main")
        self._await_url("sandbox", f"http://127.0.0.1:{ports['sandbox']}/")
        self._spawn("worker", "-m", "workers")
        self._await_url("api", f"http://127.0.0.1:{ports['api']}/health/ready")

    def _spawn(self, name: str, *arguments: str) -> None:
        command = [sys.executable, *arguments]
        self._children.append(Child(name, command, self._launch(name, command), []))

    def _launch(self, name: str, command: list[str]) -> Process:
        environment = os.environ | self._environment | {"PYTHONPATH": str(ROOT)}
        return launch(command, self._log(name), self._home.lock_of(name), env=environment)

    def _await_url(self, name: str, url: str) -> None:
        child = next(one for one in self._children if one.name == name)
        for _ in looks(READY_S):
            if child.process.poll() is not None:
                break
            with suppress(OSError), urllib.request.urlopen(url, timeout=1):  # noqa: S310
                return
        raise CannotStart(f"{name} did not start. Its log ends:\n{tail(self._log(name))}")

    def _watch(self) -> None:
        """A process that died is started again; so is a server."""
        for name, server in (("PostgreSQL", self._postgres), ("Valkey", self._valkey)):
            if server is not None and not server.lives():
                server.start()
                self._console.print(f"[yellow]{name} died and was started again.[/]")
        for child in self._children:
            if child.process.poll() is None:
                continue
            now = time.monotonic()
            child.deaths = [at for at in child.deaths if at > now - 60] + [now]
            if len(child.deaths) > RESTARTS_MAX:
                raise CannotStart(f"{child.name} keeps dying. Its log ends:\n{tail(self._log(child.name))}")
            child.process = self._launch(child.name, child.command)
            self._console.print(f"[yellow]{child.name} died and was started again; see {self._log(child.name)}[/]")

    def _end(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        for child in reversed(self._children):
            stop(child.process, signal.SIGTERM)
        if self._valkey is not None:
            self._valkey.stop()
        if self._postgres is not None:
            self._postgres.stop()
        self._console.print("Stopped; the data is kept.")

    def _log(self, name: str) -> Path:
        return self._home.folder / f"{name}.log"

    def _step(self, said: str, do: Callable[[], T]) -> T:
        began = time.monotonic()
        with self._console.status(f"{said} …"):
            done = do()
        self._console.print(f"[green]✓[/] {said} [dim]({time.monotonic() - began:.1f} s)[/]")
        return done

    def _say_ready(self, seconds: float) -> None:
        api, sandbox = (f"http://127.0.0.1:{self._ports[name]}" for name in ("api", "sandbox"))
        people = (
            ("Demo resident", "phone 0912 000 001, or resident-0001 at the national eID"),
            ("Demo officer", "officer-0002 (Sở Xây dựng) at the staff sign-in; officer-0001 coordinates"),
            ("Walk the whole story", "make demo"),
        )
        table = Table.grid(padding=(0, 2))
        for what, where in (
            ("API and its documents", f"{api}/docs"),
            ("Phones and their pushes", f"{sandbox}/phones"),
            ("SMS messages", f"{sandbox}/sms/"),
            *(people if self._demo else ()),
            ("Logs and data", str(self._home.folder)),
        ):
            table.add_row(f"[bold]{what}[/]", where)
        self._console.print(Panel(table, title=f"Khuê is up ({seconds:.1f} s). Ctrl-C stops it.", expand=False))


def stop_leftovers(home: Home) -> list[str]:
    """End what a killed `khue up` left behind; the names of it. Raises CannotStart."""
    left = [name for name in ("worker", "api", "sandbox", "valkey") if stop_holder(home.lock_of(name))]
    if stop_holder(home.servers / "postgres.pid", signal.SIGINT):
        left.append("postgres")
    return left


async def _seed_reference(chosen: Settings) -> None:
    database = await db.connect(chosen)
    await load.load(database)
    await database.close()


async def _seed_demo(chosen: Settings) -> None:
    database = await db.connect(chosen)
    await city.make(database, chosen)
    await database.close()
