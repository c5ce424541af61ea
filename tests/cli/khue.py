"""The `khue` command as a person runs it: a process of its own, a data folder of its own, its words on a screen."""

import os
import random
import shutil
import signal
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.cli.home import ROOT, Home
from app.cli.process import free_port
from app.cli.up import stop_leftovers

PATIENCE_S = 60.0
PORTS = ("SERVER__PORT", *(f"KHUE_{name}_PORT" for name in ("SANDBOX", "FCM", "POSTGRES", "VALKEY")))


@dataclass(frozen=True)
class Said:
    """How a command ended, and what stood on the screen."""

    code: int
    text: str


@dataclass
class Up:
    """A `khue up` that runs."""

    process: "subprocess.Popen[str]"
    heard: list[str] = field(default_factory=list[str])

    def hear(self, words: str) -> str:
        """The screen up to the line with these words. Raises AssertionError where they never come."""
        assert self.process.stdout is not None
        watch = threading.Timer(PATIENCE_S, self.process.kill)
        watch.start()
        try:
            for line in self.process.stdout:
                self.heard.append(line)
                if words in line:
                    return "".join(self.heard)
        finally:
            watch.cancel()
        raise AssertionError(f"it never said {words!r}:\n{''.join(self.heard)}")

    def end(self, how: signal.Signals = signal.SIGINT) -> Said:
        """Ctrl-C, or as told; what it said to that."""
        self.process.send_signal(how)
        return self.wait()

    def wait(self) -> Said:
        rest, _ = self.process.communicate(timeout=PATIENCE_S)
        return Said(self.process.returncode, "".join(self.heard) + rest)


@dataclass(frozen=True)
class Khue:
    """One person's shell, standing in one data folder."""

    home: Path
    environment: dict[str, str]

    @property
    def servers(self) -> Path:
        return Home(self.home).servers

    def run(self, *arguments: str, typed: str = "", **changed: str) -> Said:
        done = subprocess.run(
            [str(ROOT / "khue"), *arguments],
            env=self._shell(changed),
            input=typed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return Said(done.returncode, done.stdout)

    @contextmanager
    def up(self, *arguments: str, **changed: str) -> Generator[Up]:
        """Runs until the block ends, at the latest."""
        command = [str(ROOT / "khue"), "up", *arguments]
        out, shell = subprocess.PIPE, self._shell(changed)
        process = subprocess.Popen(command, env=shell, stdout=out, stderr=subprocess.STDOUT, text=True)
        try:
            yield Up(process)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=PATIENCE_S)
            stop_leftovers(Home(self.home))

    def forget(self) -> None:
        """Leave nothing behind."""
        for folder in {self.home, self.servers}:
            shutil.rmtree(folder, ignore_errors=True)

    def _shell(self, changed: dict[str, str]) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
        return kept | self.environment | {"KHUE_HOME": str(self.home), "COLUMNS": "200"} | changed


def own_ports() -> dict[str, str]:
    """Wishes that disturb nobody: not the usual ports, nor those from which connections go out."""
    first = random.randrange(20_000, 31_000)
    return {name: str(free_port(first + 200 * number)) for number, name in enumerate(PORTS)}
