"""The data folder of one clone (`.khue/`): ports, generated secrets, and the environment that follows from them."""

import base64
import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.cli.process import CannotStart, free_port, holder

ROOT = Path(__file__).resolve().parents[2]
"""The clone this code stands in."""

PORTS = {"api": 8000, "sandbox": 8010, "fcm": 8011, "postgres": 54320, "valkey": 63790}
"""Where each listens if nobody says otherwise (`SERVER__PORT`, `KHUE_SANDBOX_PORT`, …) and nobody is there already."""


class Home:
    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or Path(os.environ.get("KHUE_HOME") or ROOT / ".khue")
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def servers(self) -> Path:
        """Where PostgreSQL keeps its data; as root a place that `nobody` can reach."""
        if os.geteuid() != 0:
            return self.folder
        return Path("/var/lib/khue") / hashlib.sha256(str(self.folder.resolve()).encode()).hexdigest()[:12]

    @contextmanager
    def lock(self) -> Generator[None]:
        """One `khue up` a folder. Raises CannotStart."""
        with (self.folder / "lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as wrong:
                raise CannotStart("This city is already up; `khue down` stops it.") from wrong
            file.seek(0)
            file.truncate()
            file.write(str(os.getpid()))
            file.flush()
            try:
                yield
            finally:
                file.seek(0)
                file.truncate()

    def running_pid(self) -> int | None:
        """The process id of the `khue up` that holds the lock."""
        return holder(self.folder / "lock")

    def lock_of(self, process: str) -> Path:
        """What a process of this city holds while it lives."""
        return self.folder / f"{process}.pid"

    def choose_ports(self) -> tuple[dict[str, int], list[str]]:
        """Free ports: those the shell asks for, else those of last time; and a sentence for each that had to move."""
        last = self._read("ports.json")
        chosen: dict[str, int] = {}
        moved: list[str] = []
        for name, usual in PORTS.items():
            wanted = _asked_port(name) or last.get(name) or usual
            port = free_port(wanted)
            while port in chosen.values():
                port = free_port(port + 1)
            if port != wanted:
                moved.append(f"Port {wanted} ({name}) is taken; using {port}.")
            chosen[name] = port
        self._write("ports.json", chosen)
        return chosen, moved

    def secrets(self) -> dict[str, str]:
        """Made once, kept in a file only its owner reads; what a newer version needs besides is added."""
        kept = self._read("secrets.json")
        made = {
            "postgres_password": secrets.token_urlsafe(24),
            "crypto_keys": json.dumps({"1": base64.b64encode(os.urandom(32)).decode()}),
            "crypto_index_key": base64.b64encode(os.urandom(32)).decode(),
            "eid_client_secret": secrets.token_urlsafe(24),
            "staff_client_secret": secrets.token_urlsafe(24),
            "population_secret": secrets.token_urlsafe(24),
            "business_secret": secrets.token_urlsafe(24),
        }
        if made.keys() - kept.keys():
            kept = made | kept
            self._write("secrets.json", kept)
        return kept

    def environment(self) -> dict[str, str]:
        """What `khue up` wrote last, under what the shell says."""
        return {str(name): str(value) for name, value in self._read("env.json").items()} | dict(os.environ)

    def keep_environment(self, environment: Mapping[str, str]) -> None:
        self._write("env.json", dict(environment))

    def _read(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        return json.loads(path.read_text()) if path.exists() else {}

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        part = self.folder / f"{name}.part"
        part.touch(mode=0o600)
        part.write_text(json.dumps(content, indent=1))
        part.rename(self.folder / name)


def _asked_port(name: str) -> int | None:
    setting = "SERVER__PORT" if name == "api" else f"KHUE_{name.upper()}_PORT"
    asked = os.environ.get(setting)
    if not asked:
        return None
    if not asked.isdecimal() or not 0 < int(asked) < 65536:
        raise CannotStart(f"{setting} is {asked!r}; a port is a number from 1 to 65535.")
    return int(asked)


def city_environment(home: Home, ports: dict[str, int], database_url: str, redis_url: str) -> dict[str, str]:
    """Every setting of an embedded city whose outside world is the sandbox.

    People are known by issuer and subject, so the issuers keep their names when the sandbox's port moves.
    """
    kept = home.secrets()
    sandbox = f"http://127.0.0.1:{ports['sandbox']}"
    outside = home.folder.resolve() / "sandbox"
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SERVER__PORT": str(ports["api"]),
        "SERVER__PUBLIC_URL": f"http://127.0.0.1:{ports['api']}",
        "CRYPTO__KEYS": kept["crypto_keys"],
        "CRYPTO__INDEX_KEY": kept["crypto_index_key"],
        "EID__ISSUER": "https://eid.khue.example",
        "EID__DISCOVERY_URL": f"{sandbox}/eid",
        "EID__CLIENT_ID": "khue",
        "EID__CLIENT_SECRET": kept["eid_client_secret"],
        "EID__REDIRECT_URI": f"{sandbox}/phone/return",
        "STAFF__ISSUER": "https://staff.khue.example",
        "STAFF__DISCOVERY_URL": f"{sandbox}/staff",
        "STAFF__CLIENT_ID": "khue-console",
        "STAFF__CLIENT_SECRET": kept["staff_client_secret"],
        "STAFF__REDIRECT_URI": f"{sandbox}/phone/return",
        "SMS__URL": f"{sandbox}/sms/messages",
        "POPULATION__URL": f"{sandbox}/registries/population",
        "POPULATION__KEY": "khue",
        "POPULATION__SECRET": kept["population_secret"],
        "BUSINESS__URL": f"{sandbox}/registries/business",
        "BUSINESS__KEY": "khue",
        "BUSINESS__SECRET": kept["business_secret"],
        "FCM__CREDENTIALS_FILE": str(outside / "service-account.json"),
        "FCM__BASE_URL": f"https://127.0.0.1:{ports['fcm']}",
        "FCM__CA_FILE": str(outside / "ca.pem"),
        "PASSKEYS__RP_ID": "localhost",
        "PASSKEYS__ORIGINS": json.dumps([f"http://localhost:{ports[one]}" for one in ("api", "sandbox")]),
        "UPLOADS__FOLDER": str(home.folder.resolve() / "uploads"),
    }
