"""Ids are UUIDv7 (RFC 9562 §5.7), made in the application: sorted by birth, so they index well and page well."""

from uuid import UUID

from uuid_utils.compat import uuid7

__all__ = ["UUID", "new_id"]


def new_id() -> UUID:
    return uuid7()
