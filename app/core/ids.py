"""Ids are UUIDv7 (RFC 9562 §5.7), made in the application: sorted by birth, so they index well and page well."""

from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

__all__ = ["UUID", "born", "new_id"]


def new_id() -> UUID:
    return uuid7()


def born(at: datetime) -> UUID:
    """Smaller than every id made from this moment on, and larger than every one made before."""
    return UUID(int=int(at.timestamp() * 1000) << 80)
