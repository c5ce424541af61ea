"""The law of consents (Law 91/2025/QH15, NĐ 356/2025): for one purpose, on evidence, never by default, ended as easily as
given. Pure."""

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec import Struct

from app.core.errors import AppError, Text
from app.core.jobs import Lane, declare

WITHDRAWN_JOB = declare("consent-withdrawn", Lane.URGENT)
"""Reaches whatever stands on a consent: tokens, caches, queued jobs."""

SURVEYS = "surveys"
"""The purpose of asking how satisfied somebody is."""


class Ending(StrEnum):
    """Why a consent is over before its time."""

    WITHDRAWN = "withdrawn"
    REPLACED = "replaced"
    """By a later consent to the same purpose and recipient."""
    ACCOUNT_CLOSED = "account-closed"


class Standing(StrEnum):
    """What a consent is worth now."""

    ACTIVE = "active"
    WITHDRAWN = "withdrawn"
    REPLACED = "replaced"
    ACCOUNT_CLOSED = "account-closed"
    EXPIRED = "expired"
    OUTDATED = "outdated"
    """A later version of the purpose asks for more; it needs a consent of its own."""


class Shown(Struct, frozen=True):
    """The text of one version in one language, as a resident reads it before saying yes."""

    title: str
    data: str
    why: str
    how_long: str
    recipients: str


def hash_of(shown: Shown) -> bytes:
    """SHA-256 over the text as compact JSON with its fields in order: proves what was shown."""
    return hashlib.sha256(msgspec.json.encode(shown)).digest()


def expiry(now: datetime, asked: datetime | None, lasts_days: int | None) -> datetime | None:
    """When a consent ends by itself: as the resident says, never later than its purpose allows. Raises BadExpiry."""
    if asked is not None and asked <= now:
        raise BadExpiry
    latest = now + timedelta(days=lasts_days) if lasts_days else None
    return min((one for one in (asked, latest) if one is not None), default=None)


class NoSuchPurpose(AppError):
    status, code = 404, "no-such-purpose"
    title = Text("Không có mục đích này", "No such purpose")


class NoSuchConsent(AppError):
    status, code = 404, "no-such-consent"
    title = Text("Không có sự đồng ý này", "No such consent")


class PurposeOutdated(AppError):
    status, code = 409, "purpose-outdated"
    title = Text("Nội dung xin đồng ý đã có bản mới", "There is a newer version of this purpose")
    detail = Text(
        "Hãy hiển thị bản {current} cho người dân đọc rồi gửi lại.",
        "Show version {current} to the resident, then ask again.",
    )


class BadScope(AppError):
    status, code = 422, "bad-consent-scope"
    title = Text("Loại dữ liệu không thuộc mục đích này", "This data does not belong to the purpose")
    detail = Text("Chỉ chọn trong: {data_classes}.", "Choose among: {data_classes}.")


class RecipientNeeded(AppError):
    status, code = 422, "consent-recipient-needed"
    title = Text("Cần nêu bên nhận dữ liệu", "Name who receives the data")
    detail = Text(
        "Mỗi sự đồng ý cho mục đích này dành cho một bên nhận.", "Each consent to this purpose is for one recipient."
    )


class RecipientUnknown(AppError):
    status, code = 422, "consent-recipient-unknown"
    title = Text("Mục đích này không có bên nhận nào khác", "This purpose has no other recipient")
    detail = Text("Để trống bên nhận.", "Leave the recipient empty.")


class BadExpiry(AppError):
    status, code = 422, "bad-consent-expiry"
    title = Text("Ngày hết hạn không hợp lệ", "The expiry is not valid")
    detail = Text("Ngày hết hạn phải ở trong tương lai.", "It must lie in the future.")


class ConsentOver(AppError):
    status, code = 409, "consent-over"
    title = Text("Sự đồng ý này đã kết thúc", "This consent is over")
    detail = Text(
        "Đã kết thúc lúc {ended_at}; không cần làm gì thêm.", "It ended at {ended_at}; nothing more is needed."
    )
