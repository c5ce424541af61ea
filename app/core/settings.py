"""Every knob of the house, read once from the environment (`DATABASE__POOL_SIZE=7`) and passed in."""

import base64
import re
from collections.abc import Mapping
from typing import Any, TypeVar, get_type_hints
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Struct, field

T = TypeVar("T", bound=Struct)


class Database(Struct, frozen=True):
    pool_size: int = 6
    hot_pool_size: int = 4
    statement_timeout_ms: int = 10_000


class Server(Struct, frozen=True):
    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = "http://127.0.0.1:8000"
    body_bytes_max: int = 256 * 1024
    header_bytes_max: int = 16 * 1024
    body_timeout_s: float = 20.0
    drain_s: float = 20.0
    requests_max: int = 400
    """Requests under way at once in this process; past its lane's share of it a request is shed with 503."""
    metrics_from: list[str] = field(default_factory=lambda: ["127.0.0.1", "::1"])
    """Addresses that may read /metrics."""
    trusted_proxies: list[str] = []
    """Addresses whose X-Forwarded-For is believed; empty: the peer's own address counts."""


class Crypto(Struct, frozen=True):
    keys: dict[str, str]
    """Version → 32 bytes in base64; the last one encrypts, all decrypt."""
    index_key: str
    """32 bytes in base64: the key of the blind index. Changing it means re-indexing."""


class Tokens(Struct, frozen=True):
    issuer: str = "khue"
    access_ttl_s: int = 600
    refresh_ttl_days: int = 30
    revocation_poll_s: float = 1.0
    keys_read_s: float = 5.0
    """How often each process reads the signing keys; a new one may sign once it is twice as old."""


class Oidc(Struct, frozen=True):
    """One OpenID Connect provider, as the client sees it."""

    issuer: str
    client_id: str
    client_secret: str
    redirect_uri: str
    discovery_url: str = ""
    """Where the provider answers, if that is not its issuer (the national portal's tokens name another host)."""
    acr_level_1: str = "LoA1"
    acr_level_2: str = "LoA2"
    claim_name: str = "HoVaTen"
    claim_personal_number: str = "SoDinhDanh"
    claim_birth_date: str = "NgayThangNamSinh"
    claim_gender: str = "gender"
    prompt: str = ""
    """Said at each sign-in; `consent` where the provider gives refresh tokens for it only (OpenID Connect Core §11)."""
    clock_skew_s: int = 60
    keys_ttl_s: float = 300.0
    """How long the provider's keys are trusted before they are read again."""
    keys_again_s: float = 10.0
    """How often they are read at most because a token names one we do not know."""


class Rechecks(Struct, frozen=True):
    """Asking the national eID again about who is using the app."""

    period_s: int = 30
    """How old its last word about a person may be; 0: each scan asks about everybody."""
    per_s: int = 50
    """How many the provider is asked about in a second at most."""


class Sms(Struct, frozen=True):
    url: str
    sender: str = "KHUE"


class Registry(Struct, frozen=True):
    """A register of the state that is asked over HTTP."""

    url: str
    key: str
    secret: str


class Fcm(Struct, frozen=True):
    credentials_file: str
    """A service account as JSON. A stand-in's `token_uri` inside it leads the sign-in there."""
    base_url: str = ""
    """Empty: the real FCM. Otherwise the address of a stand-in."""
    ca_file: str = ""
    timeout_s: float = 10.0


class Passkeys(Struct, frozen=True):
    """Who we are to an authenticator (WebAuthn L3)."""

    rp_id: str
    """The domain that passkeys are bound to. Changing it makes all of them useless."""
    origins: list[str]
    """Where they may be used: `https://…` of the web and of iOS, `android:apk-key-hash:…` of the Android app."""
    rp_name: str = "Khuê"


class Http(Struct, frozen=True):
    timeout_s: float = 5.0
    retries_max: int = 2
    breaker_failures: int = 5
    breaker_open_s: float = 10.0
    ca_file: str = ""


class Limits(Struct, frozen=True):
    caller_per_minute: int = 1200
    caller_burst: int = 200
    """Tokens a caller may spend at once; also what nobody's address gets."""
    codes_per_address: int = 30
    """Phone codes one network address may ask for in ten minutes; residents behind one router share it."""
    passkeys_per_address: int = 300
    """Sign-ins by passkey one network address may begin in ten minutes."""
    local_share: int = 20
    """Tokens one process takes from Redis at once, so that not every request asks it."""


class Uploads(Struct, frozen=True):
    folder: str = "uploads"
    photo_bytes_max: int = 12 * 1024 * 1024
    photo_pixels_max: int = 50_000_000


class Log(Struct, frozen=True):
    level: str = "INFO"
    json: bool = True


class Telemetry(Struct, frozen=True):
    otlp_endpoint: str = ""
    """Empty: traces are not exported."""
    sample_ratio: float = 0.05


class Workers(Struct, frozen=True):
    urgent_jobs: int = 10
    normal_jobs: int = 20
    bulk_jobs: int = 4
    poll_s: float = 0.1
    sweep_s: float = 1.0
    heartbeat_s: float = 1.0
    dead_after_s: float = 4.0
    """A worker not heard of for so long is dead, and what it was doing is handed to another."""
    lost_after_s: float = 6.0
    """What was handed to Redis and not taken for so long is handed anew (Redis may have lost it)."""
    stop_s: float = 15.0
    metrics_port: int = 0
    """0: no metrics port."""


class Settings(Struct, frozen=True):
    database_url: str
    redis_url: str
    crypto: Crypto
    eid: Oidc
    staff: Oidc
    sms: Sms
    population: Registry
    business: Registry
    fcm: Fcm
    passkeys: Passkeys
    tokens: Tokens = field(default_factory=Tokens)
    database: Database = field(default_factory=Database)
    server: Server = field(default_factory=Server)
    http: Http = field(default_factory=Http)
    limits: Limits = field(default_factory=Limits)
    uploads: Uploads = field(default_factory=Uploads)
    rechecks: Rechecks = field(default_factory=Rechecks)
    log: Log = field(default_factory=Log)
    telemetry: Telemetry = field(default_factory=Telemetry)
    workers: Workers = field(default_factory=Workers)
    timezone: str = "Asia/Ho_Chi_Minh"


ORIGIN = re.compile(r"https://[^/?#@\s]+|http://localhost(:\d+)?|android:apk-key-hash:[A-Za-z0-9_-]{43}")
"""As clients write them (RFC 6454 §6.2; Android: SHA-256 of the signing certificate, base64url)."""

ADDRESSES = {"DATABASE_URL": ("postgresql://", "postgres://"), "REDIS_URL": ("redis://", "rediss://", "unix://")}


SKEW_MAX_S = 300
"""More than that is no difference between clocks but a token out of date."""


class SettingsWrong(Exception):
    """The environment cannot make a city; the message says which variables and why."""


def load(environ: Mapping[str, str]) -> Settings:
    """Read the settings. Raises SettingsWrong naming every missing or malformed variable at once."""
    faults = [
        f"{name} does not fit: it begins with {' or '.join(kinds)}."
        for name, kinds in ADDRESSES.items()
        if environ.get(name) and not environ[name].startswith(kinds)
    ]
    settings = _read(Settings, environ, "", faults)
    if settings is not None:
        faults += _unusable(settings)
    if faults or settings is None:
        raise SettingsWrong("\n".join(faults))
    return settings


def _unusable(settings: Settings) -> list[str]:
    """What reads well but cannot work."""
    faults: list[str] = []
    if not settings.crypto.keys or not all(map(_is_key, settings.crypto.keys.values())):
        faults.append("CRYPTO__KEYS does not fit: each version needs 32 bytes in base64.")
    if any(":" in version for version in settings.crypto.keys):
        faults.append("CRYPTO__KEYS does not fit: a version has no colon.")
    if not _is_key(settings.crypto.index_key):
        faults.append("CRYPTO__INDEX_KEY does not fit: it needs 32 bytes in base64.")
    for name, provider in (("EID", settings.eid), ("STAFF", settings.staff)):
        if not 0 <= provider.clock_skew_s <= SKEW_MAX_S:
            faults.append(f"{name}__CLOCK_SKEW_S does not fit: it is from 0 to {SKEW_MAX_S}.")
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*", settings.passkeys.rp_id):
        faults.append("PASSKEYS__RP_ID does not fit: it is a domain alone, e.g. khue.example.")
    if not settings.passkeys.origins or not all(map(ORIGIN.fullmatch, settings.passkeys.origins)):
        faults.append("PASSKEYS__ORIGINS does not fit: each is https://… without a path, or android:apk-key-hash:….")
    if not _is_zone(settings.timezone):
        faults.append(f"TIMEZONE does not fit: {settings.timezone!r} is no time zone.")
    return faults


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 32
    except ValueError:
        return False


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def names(kind: type[Struct] = Settings, prefix: str = "") -> list[str]:
    """Every environment variable that `load` looks at, in order."""
    found: list[str] = []
    hints = get_type_hints(kind)
    for name in kind.__struct_fields__:
        path = f"{prefix}{name.upper()}"
        if _is_struct(hints[name]):
            found += names(hints[name], f"{path}__")
        else:
            found.append(path)
    return found


def _is_struct(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Struct)


def _read(kind: type[T], environ: Mapping[str, str], prefix: str, faults: list[str]) -> T | None:
    values: dict[str, Any] = {}
    hints = get_type_hints(kind)
    required = {f.name for f in msgspec.structs.fields(kind) if f.required}
    before = len(faults)
    for name in kind.__struct_fields__:
        path = f"{prefix}{name.upper()}"
        if _is_struct(hints[name]):
            values[name] = _read(hints[name], environ, f"{path}__", faults)
        elif name in required and not environ.get(path):
            faults.append(f"{path} is {'empty' if path in environ else 'not set'} and has no default.")
        elif path in environ:
            values[name] = _value(environ[path], hints[name], path, faults)
    return kind(**values) if len(faults) == before else None


def _value(text: str, hint: Any, path: str, faults: list[str]) -> Any:
    try:
        if hint is str:
            return text
        if hint in (int, float, bool):
            return msgspec.convert(text, hint, strict=False)
        return msgspec.json.decode(text, type=hint)
    except msgspec.MsgspecError as wrong:
        faults.append(f"{path} does not fit: {wrong}.")
        return None
