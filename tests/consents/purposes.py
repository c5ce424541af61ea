"""Purposes of a test's own, in versions."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from app.consents.models import Purpose, PurposeVersion
from app.core.house import House

TEXTS = ("title", "data", "why", "how_long", "recipients")


async def purpose(house: House, *, needs_recipient: bool = False, **first: Any) -> str:
    """A new purpose with its first version; its code."""
    code = f"test-{uuid4().hex[:12]}"
    async with house.database.transaction() as db:
        db.add(Purpose(code=code, needs_recipient=needs_recipient))
    await version(house, code, 1, **first)
    return code


async def version(house: House, code: str, number: int, **changed: Any) -> None:
    texts = {f"{name}_{language}": f"{name} {number} {language}" for name in TEXTS for language in ("vi", "en")}
    values = {
        "effective_from": datetime.now(UTC) - timedelta(seconds=1),
        "widens": False,
        "data_classes": ["contact", "name"],
        "lasts_days": None,
    }
    async with house.database.transaction() as db:
        db.add(PurposeVersion(purpose_code=code, version=number, **(texts | values | changed)))


def yes(code: str, **changed: Any) -> dict[str, Any]:
    """What the app sends when a resident agrees."""
    return {"purpose": code, "version": 1, "language": "vi", "data_classes": ["contact"]} | changed
