"""Residents with a code on their phone, for sign-in by code: each code works once, so a round begins with all of them unused."""

import asyncpg
import msgspec

from app.accounts.rules import PHONE
from app.core.crypto import Crypto
from app.core.ids import new_id
from app.credentials import codes

PHONES = 8_000
"""More than a round can use up."""

ACCOUNT_SQL = """
INSERT INTO account (id, phone_sealed, phone_index, full_name, level, language, created_at, version)
VALUES ($1, $2, $3, 'Nguyễn Văn An', 0, 'vi', now(), 1)
"""
CODE_SQL = """
INSERT INTO phone_code (id, phone_index, code_index, tries, language, created_at, expires_at)
VALUES ($1, $2, $3, 0, 'vi', now(), now())
"""
FRESH_SQL = "UPDATE phone_code SET used_at = NULL, tries = 0, expires_at = now() + interval '5 minutes'"


async def make(url: str, crypto: Crypto) -> list[bytes]:
    """The accounts and their codes; the bodies that hand the codes in."""
    accounts: list[tuple[object, ...]] = []
    sent: list[tuple[object, ...]] = []
    bodies: list[bytes] = []
    for number in range(PHONES):
        phone, code_id = f"+8491{number:07d}", new_id()
        index, digits = crypto.index(PHONE, phone), codes.digits_of(crypto, code_id)
        accounts.append((new_id(), crypto.encrypt(PHONE, phone), index))
        sent.append((code_id, index, codes.index_of(crypto, code_id, digits)))
        bodies.append(msgspec.json.encode({"phone": phone, "code": digits, "device_name": "bench"}))
    connection = await asyncpg.connect(url)
    try:
        await connection.executemany(ACCOUNT_SQL, accounts)
        await connection.executemany(CODE_SQL, sent)
        await connection.execute("VACUUM (ANALYZE) account, phone_code")
    finally:
        await connection.close()
    return bodies


async def freshen(url: str) -> None:
    """All codes are as just sent."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(FRESH_SQL)
        await connection.execute("VACUUM phone_code")
    finally:
        await connection.close()
