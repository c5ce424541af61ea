"""Processes a city is made of: started, stopped, and found again when whoever started them was killed.

Each holds a lock on a file of its own for as long as it lives (the descriptor is passed on to it), with its process id in
it. Unlike a process id alone, a lock cannot be mistaken for another's: nothing of ours is running where nobody holds it.
"""

import fcntl
import os
import signal
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

Process = subprocess.Popen[bytes]

START_S = 30.0
STOP_S = 20.0


class CannotStart(Exception):
    """A sentence for the person at the screen."""


def looks(seconds: float) -> Generator[None]:
    """Look, wait a little, look again, until the time is over: another process tells nobody when it is ready or gone."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield
        time.sleep(0.03)


def launch(command: list[str], log: Path, lock: Path, **more: Any) -> Process:
    """Start it in a session of its own, its output at the end of `log`."""
    spawn: Any = subprocess.Popen  # its overloads cannot see through `more`
    with log.open("ab") as out, lock.open("a+") as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        process: Process = spawn(
            command,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=[held.fileno()],
            **more,
        )
        held.truncate(0)
        held.write(str(process.pid))
    return process


def holder(lock: Path) -> int | None:
    """The process id in a lock file that somebody holds."""
    if not lock.exists():
        return None
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            said = file.read().strip()
            return int(said) if said.isdigit() else None
    return None


def stop_holder(lock: Path, how: signal.Signals = signal.SIGTERM) -> bool:
    """End a process that outlived whoever started it; says whether there was one. Raises CannotStart."""
    pid = holder(lock)
    if pid is None:
        return False
    for signalled in (how, signal.SIGKILL):
        with suppress(ProcessLookupError):  # gone, but what it has forked is not yet
            os.kill(pid, signalled)
        for _ in looks(STOP_S):
            if holder(lock) is None:
                return True
    raise CannotStart(f"Process {pid} of an earlier start does not end; {lock} names it.")


def stop(process: Process | None, how: signal.Signals) -> None:
    """Ask, wait, and if it does not hear, end it."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(how)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for_port(port: int, process: Process, log: Path, name: str) -> None:
    """Raises CannotStart with the end of the log."""
    for _ in looks(START_S):
        if process.poll() is not None:
            break
        with socket.socket() as tried:
            tried.settimeout(0.5)
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
    stop(process, signal.SIGKILL)
    raise CannotStart(f"{name} did not start. Its log ends:\n{tail(log)}")


def free_port(preferred: int = 0) -> int:
    """`preferred` if it is free, else the next free one. Raises CannotStart."""
    for port in range(preferred, preferred + 200) if preferred else [0]:
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("127.0.0.1", port))
            except (OSError, OverflowError):
                continue
            return tried.getsockname()[1]
    raise CannotStart(f"No free port from {preferred} to {preferred + 199}.")


def tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(no log)"
