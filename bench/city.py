"""The city that is measured: 500 residents, 20,000 tickets of the last three months, half of them open, with photos.

Ids end in a number, so that pgbench can draw them as the API's callers do.
"""

import asyncpg
from msgspec import Struct

CITIZENS = 500
TICKETS = 20_000

FIRST = 8_000_000_000_000_000
CITIZEN, TICKET, PHOTO, PROOF = (f"019{n}000000007000" for n in range(1, 5))
"""The first half of an id; FIRST + number is the other. Sixteen decimal digits each: a UUID of version 7 by its form."""

MAKE_SQL = f"""
INSERT INTO account (id, eid_issuer, eid_subject, full_name, level, language, created_at, version)
SELECT ('{CITIZEN}' || {FIRST} + n)::uuid, 'bench', n::text, 'Nguyễn Văn An', 2, 'vi', now(), 1
FROM generate_series(0, {CITIZENS} - 1) n;

INSERT INTO ticket (id, code, citizen_id, kind, category_code, severity, status, description, address, lat, lon, area_code,
    area_approximate, department_code, routed_by, deadline_rule_code, filed_at, clock_from, due_at, accepted_at,
    answered_at, answer, version)
SELECT ('{TICKET}' || {FIRST} + n)::uuid, 'PA-' || lpad(n::text, 8, '0'), ('{CITIZEN}' || {FIRST} + n % {CITIZENS})::uuid,
    c.kind, c.code, c.severity, (ARRAY['filed', 'accepted', 'answered', 'answered'])[1 + n / 7 % 4],
    'Trên phố Hàng Bông, gần số ' || n || ', có một ổ gà sâu khoảng 20 cm ngay làn xe máy, buổi tối rất dễ ngã. Đề nghị vá sớm.',
    n % 300 || ' phố Hàng Bông', 21.0295, 105.8460, '00070', true, c.unit, 'category:' || c.code || ' unit:' || c.unit,
    (SELECT code FROM deadline_rule ORDER BY code LIMIT 1), at, at, at + interval '15 days',
    CASE WHEN n / 7 % 4 > 0 THEN at + interval '4 hours' END, CASE WHEN n / 7 % 4 > 1 THEN at + interval '3 days' END,
    CASE WHEN n / 7 % 4 > 1 THEN 'Đơn vị duy tu đã cào bóc và thảm lại bê tông nhựa, hoàn thành trong đêm. Ảnh kèm theo.' END,
    1 + n / 7 % 4
FROM generate_series(0, {TICKETS} - 1) n
JOIN (SELECT *, row_number() OVER (ORDER BY code) - 1 AS place, count(*) OVER () AS all_of_them
      FROM category WHERE parent_code IS NOT NULL AND unit NOT LIKE '@%') c ON c.place = n % c.all_of_them
CROSS JOIN LATERAL (SELECT now() - n * interval '6 minutes' AS at);

INSERT INTO photo (id, owner_id, sha256, width, height, size, created_at)
SELECT ('{PHOTO}' || right(id::text, 17))::uuid, citizen_id, sha256(id::text::bytea), 640, 480, 6000, filed_at FROM ticket
UNION ALL
SELECT ('{PROOF}' || right(id::text, 17))::uuid, citizen_id, sha256(id::text::bytea), 640, 480, 6000, filed_at FROM ticket
WHERE status = 'answered';
INSERT INTO ticket_photo (ticket_id, photo_id, role)
SELECT id, ('{PHOTO}' || right(id::text, 17))::uuid, 'filed' FROM ticket
UNION ALL
SELECT id, ('{PROOF}' || right(id::text, 17))::uuid, 'proof' FROM ticket WHERE status = 'answered';
INSERT INTO ticket_event (ticket_id, id, at, what, actor_kind, note) SELECT id, id, filed_at, 'filed', 'citizen', '' FROM ticket;
"""


class City(Struct, frozen=True):
    """What callers have to know of it."""

    departments: list[str]
    """By ticket number: the unit of ticket n is `departments[n]`."""
    categories: list[str]
    inboxes: list[str]
    """Units with more open tickets than a page."""


async def make(url: str) -> City:
    """Fill a database that is migrated and has its reference data."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(MAKE_SQL)
        await connection.execute("VACUUM (ANALYZE)")
        departments = await connection.fetch("SELECT department_code FROM ticket ORDER BY id")
        categories = await connection.fetch("SELECT code FROM category WHERE parent_code IS NOT NULL ORDER BY code")
        inboxes = await connection.fetch(
            "SELECT department_code FROM ticket WHERE status IN ('filed', 'accepted')"
            " GROUP BY 1 HAVING count(*) > 200 ORDER BY 1"
        )
        return City(*([row[0] for row in rows] for rows in (departments, categories, inboxes)))
    finally:
        await connection.close()


def citizen_id(number: int) -> str:
    return dashed(CITIZEN, number % CITIZENS)


def ticket_id(number: int) -> str:
    return dashed(TICKET, number)


def dashed(kind: str, number: int) -> str:
    digits = f"{kind}{FIRST + number}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
