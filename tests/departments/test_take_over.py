"""Roles of the release before become grants when the schema comes to the new one."""

import asyncio

import asyncpg
from alembic import command

from app.cli import setup
from tests import servers

BEFORE = "0007"
OLD = """
INSERT INTO department (code, name_vi, name_en, short_name, kind, hotline, source, confidence, valid_from)
    SELECT code, code, code, code, 'agency', '', 'x', 'high', now() FROM unnest(ARRAY['SO-XD', 'HSDC', 'TTPVHCC']) AS code;
INSERT INTO role SELECT code, code, code FROM unnest(ARRAY['handler', 'coordinator']) AS code;
INSERT INTO role_act VALUES ('handler', 'ticket.answer'), ('coordinator', 'ticket.accept'), ('coordinator', 'ticket.see-all');
INSERT INTO officer SELECT gen_random_uuid(), 'x', subject, 'An', true, now() FROM unnest(ARRAY['a', 'b', 'c']) AS subject;
INSERT INTO officer_role SELECT id, 'handler', code FROM officer, unnest(ARRAY['SO-XD', 'HSDC']) AS code WHERE subject = 'a';
INSERT INTO officer_role SELECT id, 'coordinator', code FROM officer, unnest(ARRAY['TTPVHCC', 'SO-XD']) AS code
    WHERE subject = 'b';
"""


async def test_roles_of_before_are_taken_over(addresses: tuple[str, str], process_name: str) -> None:
    name = f"khue_{process_name}_before"
    url = servers.with_database(addresses[0], name)
    await servers.drop(addresses[0], name)
    await asyncio.to_thread(setup.make_database, addresses[0], name)
    await asyncio.to_thread(command.upgrade, setup.alembic_config(url), BEFORE)
    await servers.execute(url, OLD)
    await asyncio.to_thread(setup.migrate, url)
    connection = await asyncpg.connect(url)
    held = await connection.fetch(
        "SELECT subject, role_code, g.department_code FROM officer_grant g JOIN officer o ON o.id = g.officer_id"
        " WHERE ended_at IS NULL AND until IS NULL ORDER BY 1, 3"
    )
    units = await connection.fetch("SELECT subject, department_code FROM officer ORDER BY 1")
    seeing = await connection.fetch("SELECT role_code FROM role_act WHERE act = 'ticket.see' ORDER BY 1")
    await connection.close()
    assert [tuple(row) for row in held] == [
        ("a", "handler", "HSDC"),
        ("a", "handler", "SO-XD"),
        ("b", "coordinator", None),
    ]
    assert [tuple(row) for row in units] == [("a", "HSDC"), ("b", "SO-XD"), ("c", None)]
    assert [row["role_code"] for row in seeing] == ["coordinator", "handler"]
