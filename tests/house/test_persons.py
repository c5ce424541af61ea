"""Every table that names a person says what becomes of its rows when the account is closed (ADR 12)."""

from importlib import import_module

from app.core.db import Base
from migrations import TABLES

NAMES = ("account_id", "citizen_id", "owner_id", "subject_id", "caller")

DELETED = {
    "business": "account_id",
    "data_export": "account_id",
    "device": "account_id",
    "idempotency_key": "caller",
    "merge_offer": "account_id",
    "message": "account_id",
    "passkey": "account_id",
    "person_key": "account_id",
    "phone_code": "account_id",
    "session": "subject_id",
}
"""Table and the column that names the person."""
EMPTIED = {"account", "data_request", "delegation", "photo", "ticket"}
"""The row stays, and says nothing of who it was."""
KEPT = {"audit_entry", "consent"}
"""The law wants it: who did what, and on what evidence. Nothing in them is readable of the person."""
SWEPT = {"passkey_challenge", "sign_in", "signal"}
"""Gone by itself within days, and says nothing but an id."""


def test_it_is_known_what_becomes_of_every_row_about_a_person() -> None:
    for module in TABLES:
        import_module(module)
    naming = {
        table.name
        for table in Base.metadata.tables.values()
        for column in table.columns
        if column.name in NAMES or any(key.target_fullname == "account.id" for key in column.foreign_keys)
    }
    assert naming == set(DELETED) | EMPTIED | KEPT | SWEPT, "say in workers/erasing.py, and here, what becomes of them"
