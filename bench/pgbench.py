"""The yardstick: pgbench sends the very SQL the API sends, prepared, over as many connections as the API's hot pool has, as
the same role with the same session settings."""

import json
import os
import re
import subprocess
import time
from uuid import UUID

from msgspec import Struct

from app.core import audit
from app.core.principals import Officer
from app.tickets.filing import COLUMNS, FILE_SQL
from app.tickets.queries import INBOX_SQL, OWN_SQL
from bench.city import CITIZEN, CITIZENS, FIRST, TICKET, TICKETS, City
from bench.ground import Ground

EVENT, TOLD, DEADLINE, FILED = (f"019{n}000000007000" for n in range(5, 9))


class Script(Struct):
    """One statement with what it draws; `given` are texts that hold colons, which pgbench would take for variables."""

    texts: list[str]
    given: dict[str, str] = {}


def own() -> Script:
    """One ticket of one resident's, both drawn."""
    draws = f"\\set n random(0, {TICKETS - 1})\n\\set t {FIRST} + :n\n\\set c {FIRST} + :n % {CITIZENS}\n"
    return Script([draws + fill(OWN_SQL, [array(uuid(TICKET, "t"), "uuid"), array(uuid(CITIZEN, "c"), "uuid")])])


def inbox(city: City) -> Script:
    """The first page of one unit; pgbench draws one of the units' scripts."""
    nobody = "'00000000000000000000000000000000'::uuid"
    who = Officer(UUID(int=1), UUID(int=1), "")
    entry = json.dumps(audit.said(audit.entry_of(who, "ticket.listed", "ticket", "")), default=str)
    ids = "array(SELECT gen_random_uuid() FROM generate_series(1, 50))"
    first = ["'2000-01-01Z'::timestamptz", nobody, "51", "(:entry)::text", ids, nobody]
    return Script(
        [fill(INBOX_SQL.format(visible="department_code = $7"), [*first, f"'{unit}'"]) for unit in city.inboxes],
        {"entry": entry},
    )


def filing(body: bytes) -> Script:
    """One new ticket; ids ascend as the application's do, each connection counting by itself."""
    draws = (
        "\\set k :k + 1\n\\set n :start + :k * 64 + :client_id\n"
        f"\\set c {FIRST} + random(0, {CITIZENS - 1})\n\\set code random(100000000000, 999999999999)\n"
    )
    values = {
        "caller": f"{uuid(CITIZEN, 'c')}::text",
        "key": "'pgbench-' || :n",
        "input_hash": "sha256('x')",
        "headers": "(:headers)::text",
        "body": "(:body)::bytea",
        "id": uuid(FILED, "n"),
        "code": "'PB-' || :code",
        "citizen_id": uuid(CITIZEN, "c"),
        "kind": "'hien_truong'",
        "category_code": "'GT-OGM'",
        "severity": "'normal'",
        "description": "(:words)::text",
        "address": "'12 phố Hàng Bông'",
        "lat": "21.0295",
        "lon": "105.8460",
        "area_code": "'00070'",
        "area_approximate": "true",
        "department_code": "'SO-XD'",
        "routed_by": "(:routed)::text",
        "deadline_rule_code": "'IH-ACCEPT'",
        "at": "now()",
        "due_at": "now() + interval '1 day'",
        "remind_at": "now() + interval '19 hours'",
        "event_id": uuid(EVENT, "n"),
        "told_job_id": uuid(TOLD, "n"),
        "deadline_job_id": uuid(DEADLINE, "n"),
        "trace": "''",
        "delegate_id": "NULL",
        "entry_id": "gen_random_uuid()",
        "from_address": "'127.0.0.1'",
        "request_id": "''",
    }
    row = [array(values[name], kind) for name, kind in COLUMNS.items()]
    return Script(
        [draws + fill(FILE_SQL, [*row, "'{}'", "'{}'"])],
        {
            "k": "0",
            "start": str(int(time.time() * 1e6)),
            "headers": '["location", "/v1/citizen/tickets/…", "content-type", "application/json", "etag", "\\"v1\\""]',
            "body": f"\\x{body.hex()}",
            "words": "Trên phố Hàng Bông xuất hiện ổ gà lớn sâu khoảng 20 cm ngay làn xe máy, buổi tối rất dễ ngã.",
            "routed": "category:GT-OGM unit:SO-XD",
        },
    )


def run(ground: Ground, script: Script, seconds: float) -> tuple[int, float]:
    """Transactions done, and how many a second. Raises RuntimeError if one failed."""
    files = [ground.folder / f"pgbench-{number}.sql" for number in range(len(script.texts))]
    for file, text in zip(files, script.texts, strict=True):
        file.write_text(text)
    command = [
        *(str(ground.postgres.tool("pgbench")), "-n", "-M", "prepared", "-j", "1", "-T", f"{seconds:.0f}"),
        *("-c", str(ground.settings.database.hot_pool_size)),
        *(part for file in files for part in ("-f", str(file))),
        *(part for name, value in _fresh(script.given).items() for part in ("-D", f"{name}={value}")),
        ground.url,
    ]
    session = " ".join(f"-c {name}={value}" for name, value in ground.session.items())
    environment = os.environ | {"PGOPTIONS": session}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    whole = re.search(r"actually processed: (\d+)", done.stdout)
    rate = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    failed = re.search(r"failed transactions: (\d+)", done.stdout)
    if done.returncode or whole is None or rate is None or failed is None or int(failed[1]):
        raise RuntimeError(f"pgbench: {done.stderr[-2000:]}\n{done.stdout[-2000:]}")
    return int(whole[1]), float(rate[1])


def fill(sql: str, values: list[str]) -> str:
    """Values in the place of $1, $2 …; the longer numbers first."""
    for number in range(len(values), 0, -1):
        sql = sql.replace(f"${number}", values[number - 1])
    return sql.strip() + ";\n"


def array(value: str, kind: str) -> str:
    """An array of one."""
    return f"ARRAY[({value})::{kind}]"


def uuid(first_half: str, variable: str) -> str:
    return f"('{first_half}' || :{variable})::uuid"


def _fresh(given: dict[str, str]) -> dict[str, str]:
    """Ids of one run do not meet those of another."""
    return given | ({"start": str(int(time.time() * 1e6))} if "start" in given else {})
