"""The copy of a person's data: gathered from every slice into one sealed zip file. The only place that knows all parts of it."""

import asyncio
import shutil
import zipfile
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import queries as accounts
from app.consents import queries as consents
from app.core import audit, ids, person_keys, sealed_files, sessions
from app.core.errors import Text
from app.credentials import service as credentials
from app.data_requests import exports
from app.data_requests import queries as data_requests
from app.delegations import queries as delegations
from app.notifications import queries as notifications
from app.tickets import photos
from app.tickets import queries as tickets
from workers.context import Context, Run

Rows = AsyncGenerator[Any]


class Source(Struct, frozen=True):
    """Whose data, and with what it is read."""

    context: Context
    db: AsyncSession
    person: person_keys.Person
    account_id: UUID
    same: Sequence[UUID]
    """It and the accounts that were merged into it."""


class Part(Struct, frozen=True):
    """One file of the export: a JSON list, and what it is."""

    name: str
    about: Text
    rows: Callable[[Source], Rows]


PARTS = (
    Part(
        "account",
        Text("tài khoản của bạn, số điện thoại và số định danh ghi đầy đủ", "your account, its numbers in full"),
        lambda of: accounts.export(of.db, of.person, of.account_id),
    ),
    Part(
        "devices",
        Text("các điện thoại nhận thông báo", "the phones that ring for you"),
        lambda of: accounts.export_devices(of.db, of.account_id),
    ),
    Part(
        "passkeys",
        Text("các khoá truy cập bạn đã thêm", "the passkeys you added"),
        lambda of: credentials.export(of.db, of.account_id),
    ),
    Part(
        "sessions",
        Text(
            "các phiên đăng nhập: thiết bị, thời gian, cách đăng nhập", "your sessions: device, time, way of signing in"
        ),
        lambda of: sessions.export(of.db, of.same),
    ),
    Part(
        "delegations",
        Text("ai được làm thay bạn và bạn được làm thay ai", "who may act for you, and for whom you may"),
        lambda of: delegations.export(of.db, of.account_id),
    ),
    Part(
        "consents",
        Text("những gì bạn đã đồng ý, kèm nội dung đã hiển thị", "what you agreed to, with what you were shown"),
        lambda of: consents.export(of.db, of.account_id),
    ),
    Part(
        "data_requests",
        Text("các yêu cầu của bạn về dữ liệu cá nhân", "your requests about your data"),
        lambda of: data_requests.export(of.db, of.context.crypto, of.account_id),
    ),
    Part(
        "tickets",
        Text("các phản ánh của bạn, kèm quá trình xử lý", "your tickets with their history"),
        lambda of: tickets.export(of.db, of.account_id),
    ),
    Part(
        "photos",
        Text("thông tin của từng ảnh trong thư mục photos", "about each picture in the folder photos"),
        lambda of: tickets.export_photos(of.db, of.account_id),
    ),
    Part(
        "messages",
        Text("các tin thành phố đã gửi cho bạn", "what the city told you"),
        lambda of: notifications.export(of.db, of.account_id, of.context.settings.timezone),
    ),
    Part(
        "trail",
        Text("ai đã xem hoặc thay đổi dữ liệu của bạn, khi nào, vì sao", "who read or changed your data, when and why"),
        lambda of: audit.export(of.db, of.same),
    ),
)


async def export(context: Context, run: Run) -> None:
    """Gather, seal, let it be fetched. A run that dies leaves a file that nothing names; the next starts anew with its own."""
    request_id = run.uuid("request_id")
    async with context.database.transaction() as db:
        account_id = await exports.wanted(db, request_id)
    if account_id is None:
        return
    export_id, key = ids.new_id(), sealed_files.new_key()
    path = exports.path_of(context.settings.uploads, export_id)
    kept = False
    try:
        await write(context, account_id, path, key)
        async with context.database.transaction() as db:
            kept = await exports.keep(db, context.crypto, request_id, export_id, key)
    finally:
        if not kept:
            path.unlink(missing_ok=True)


async def write(context: Context, account_id: UUID, path: Path, key: bytes) -> None:
    """The zip file, never whole in memory and never unsealed on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        sealed = sealed_files.Writer(file, key)
        with zipfile.ZipFile(cast(BinaryIO, sealed), "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("README.txt", readme())
            pictures = await _rows(context, account_id, archive)
            for picture in pictures:
                await asyncio.to_thread(_copy, archive, photos.path_of(context.settings.uploads, picture))
        await asyncio.to_thread(sealed.close)


def readme() -> str:
    """What lies in the zip file, in both languages."""
    vi = "\n".join(f"- {part.name}.json: {part.about.vi}" for part in PARTS)
    en = "\n".join(f"- {part.name}.json: {part.about.en}" for part in PARTS)
    return (
        "BẢN SAO DỮ LIỆU CÁ NHÂN CỦA BẠN\n\n"
        "Đây là toàn bộ dữ liệu về bạn mà thành phố đang lưu giữ trong ứng dụng. Hãy cất giữ cẩn thận: ai có tệp này đều đọc"
        f" được.\n\n{vi}\n- photos/: các ảnh của bạn và ảnh kết quả xử lý\n\n"
        "Thời gian ghi theo giờ quốc tế (UTC).\n\n\n"
        "A COPY OF YOUR PERSONAL DATA\n\n"
        "This is all the data about you that the city keeps in the app. Keep it safe: whoever has this file can read it.\n\n"
        f"{en}\n- photos/: your pictures, and those of the results\n\nTimes are in UTC.\n"
    )


async def sweep(context: Context) -> None:
    """Files that have expired, and those that nothing names."""
    uploads = context.settings.uploads
    async with context.database.transaction() as db:
        gone = await exports.forget_old(db)
    await asyncio.to_thread(exports.remove, uploads, gone)
    found = await asyncio.to_thread(exports.on_disk, uploads)
    async with context.database.transaction() as db:
        strays = await exports.strays(db, found)
    await asyncio.to_thread(exports.remove, uploads, strays)


async def _rows(context: Context, account_id: UUID, archive: zipfile.ZipFile) -> list[UUID]:
    """Every part as JSON; the ids of the pictures. Small writes to the local disk, so no thread within the transaction."""
    pictures: list[UUID] = []
    async with context.database.transaction() as db:
        person = await person_keys.person(db, context.crypto, account_id)
        of = Source(context, db, person, account_id, await accounts.same_person(db, account_id))
        for part in PARTS:
            with archive.open(f"{part.name}.json", "w") as out:
                out.write(b"[")
                between = b"\n"
                async for row in part.rows(of):
                    out.write(between + msgspec.json.encode(row))
                    between = b",\n"
                    if part.name == "photos":
                        pictures.append(row["id"])
                out.write(b"\n]\n")
    return pictures


def _copy(archive: zipfile.ZipFile, path: Path) -> None:
    """A picture the disk has lost is not in the copy."""
    if not path.is_file():
        return
    with path.open("rb") as picture, archive.open(f"photos/{path.name}", "w") as out:
        shutil.copyfileobj(picture, out)
