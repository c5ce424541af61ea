"""Pictures: checked by content, re-encoded, EXIF stripped (time and position kept apart), stored on disk before their row."""

import asyncio
import hashlib
import io
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import structlog
from litestar.response import File
from msgspec import Struct
from PIL import ExifTags, Image, ImageOps
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import audit, idempotency
from app.core.errors import AppError, NotFound, Text
from app.core.house import House
from app.core.idempotency import Answer, Claim, Replayed
from app.core.ids import born, new_id
from app.core.principals import Citizen, Officer
from app.core.settings import Uploads
from app.tickets.models import Photo, Ticket, TicketPhoto
from app.tickets.schemas import PhotoOut
from app.tickets.workflow import OPEN

log = structlog.get_logger()

FORMATS = ("JPEG", "PNG", "WEBP")
SIDE_MAX = 2560
CAMERAS_SINCE = 1990
UNUSED_KEPT = timedelta(days=7)
"""How long a phone that filed without a network may take to name the picture in a ticket."""
SWEPT = timedelta(days=37)
"""How far back the sweep looks; it need not read the pictures of years."""


class NotAPhoto(AppError):
    status, code = 415, "not-a-photo"
    title = Text("Không phải ảnh dùng được", "Not a usable photo")
    detail = Text("Gửi ảnh JPEG, PNG hoặc WebP còn nguyên vẹn.", "Send an intact JPEG, PNG or WebP picture.")


class PhotoTooLarge(AppError):
    status, code = 413, "photo-too-large"
    title = Text("Ảnh quá lớn", "The photo is too large")
    detail = Text("Tối đa {pixels_max} điểm ảnh.", "At most {pixels_max} pixels.")


class Picture(Struct, frozen=True):
    """A received picture, ready to be stored."""

    jpeg: bytes
    sha256: bytes
    width: int
    height: int
    taken_at: datetime | None
    lat: float | None
    lon: float | None


async def receive(house: House, who: Citizen | Officer, claim: Claim, body: bytes, location: str) -> Answer:
    """Keep a picture. The decoding runs in a thread and the file is on disk before the transaction opens.

    Raises NotAPhoto, PhotoTooLarge, and what a repeated key asks for.
    """
    database, uploads, timezone = house.database, house.settings.uploads, house.settings.timezone
    picture = await asyncio.to_thread(decode, body, uploads.photo_pixels_max, ZoneInfo(timezone))
    photo = Photo(
        id=new_id(),
        owner_id=who.id,
        sha256=picture.sha256,
        width=picture.width,
        height=picture.height,
        size=len(picture.jpeg),
        taken_at=picture.taken_at,
        taken_lat=picture.lat,
        taken_lon=picture.lon,
        created_at=datetime.now(UTC),
    )
    out = msgspec.convert(photo, PhotoOut, from_attributes=True)
    answer = idempotency.answer_created(out, f"{location}/{photo.id}")
    await asyncio.to_thread(write, path_of(uploads, photo.id), picture.jpeg)
    try:
        async with database.transaction() as db:
            await idempotency.take(db, claim)
            db.add(photo)
            if isinstance(who, Citizen) and who.actor_id is not None:
                audit.record(db, who, "photo-uploaded", "photo", photo.id, account_id=who.id)
            await idempotency.keep(db, claim, answer)
    except (Replayed, AppError):
        await asyncio.to_thread(remove, uploads, [photo.id])
        raise
    return answer


def decode(body: bytes, pixels_max: int, zone: tzinfo) -> Picture:
    """Raises NotAPhoto for anything but a whole picture of a known format, PhotoTooLarge for a decompression bomb."""
    try:
        with Image.open(io.BytesIO(body), formats=FORMATS) as opened:
            if opened.width * opened.height > pixels_max:
                raise PhotoTooLarge(pixels_max=pixels_max)
            taken_at, position = _said(opened, zone)
            upright = ImageOps.exif_transpose(opened).convert("RGB")
            upright.thumbnail((SIDE_MAX, SIDE_MAX))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, MemoryError) as wrong:
        raise NotAPhoto from wrong
    out = io.BytesIO()
    upright.save(out, "JPEG", quality=85, optimize=True)
    lat, lon = position or (None, None)
    return Picture(out.getvalue(), hashlib.sha256(body).digest(), upright.width, upright.height, taken_at, lat, lon)


def path_of(uploads: Uploads, photo_id: UUID) -> Path:
    """Spread by the random end of the id, so that no folder grows without bound."""
    return Path(uploads.folder) / photo_id.hex[-2:] / f"{photo_id}.jpg"


async def shown(uploads: Uploads, photo_id: UUID) -> File:
    """The picture as an answer. Raises NotFound if the disk has lost it, and says so to those who watch."""
    path = path_of(uploads, photo_id)
    if not await asyncio.to_thread(path.is_file):
        log.error("picture is not on the disk", photo_id=str(photo_id))
        raise NotFound
    return File(path, media_type="image/jpeg", content_disposition_type="inline")


def write(path: Path, content: bytes) -> None:
    """All of it or nothing, and on the disk before we answer for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)


def remove(uploads: Uploads, photo_ids: Sequence[UUID]) -> None:
    for photo_id in photo_ids:
        path_of(uploads, photo_id).unlink(missing_ok=True)


async def forget_unused(db: AsyncSession) -> Sequence[UUID]:
    """Pictures that were uploaded and never became part of a ticket; their files are for `remove`, once this is committed."""
    now = datetime.now(UTC)
    used = select(TicketPhoto.photo_id).where(TicketPhoto.photo_id == Photo.id).exists()
    old = Photo.id.between(born(now - SWEPT), born(now - UNUSED_KEPT))
    return (await db.scalars(delete(Photo).where(old, ~used).returning(Photo.id))).all()


async def to_erase(db: AsyncSession, owner_id: UUID) -> Sequence[UUID]:
    """The pictures of a person that no open case needs."""
    needed = select(TicketPhoto.photo_id).join(Ticket, Ticket.id == TicketPhoto.ticket_id)
    needed = needed.where(Ticket.citizen_id == owner_id, Ticket.status.in_(OPEN))
    mine = select(Photo.id).where(Photo.owner_id == owner_id, Photo.size > 0, Photo.id.not_in(needed))
    return (await db.scalars(mine)).all()


async def erase(db: AsyncSession, photo_ids: Sequence[UUID]) -> None:
    """Pictures whose files are gone: of one that stood in a ticket, the row says no more than that."""
    used = select(TicketPhoto.photo_id).where(TicketPhoto.photo_id == Photo.id).exists()
    await db.execute(delete(Photo).where(Photo.id.in_(photo_ids), ~used))
    gone = {"sha256": b"", "size": 0, "taken_at": None, "taken_lat": None, "taken_lon": None}
    await db.execute(update(Photo).where(Photo.id.in_(photo_ids)).values(gone))


async def kept(db: AsyncSession, owner_id: UUID) -> bool:
    """Whether there are cases of a person that still hold something of them."""
    open_case = select(Ticket.id).where(Ticket.citizen_id == owner_id, Ticket.status.in_(OPEN)).exists()
    picture = select(Photo.id).where(Photo.owner_id == owner_id, Photo.size > 0).exists()
    return bool(await db.scalar(select(open_case | picture)))


def _said(picture: Image.Image, zone: tzinfo) -> tuple[datetime | None, tuple[float, float] | None]:
    """What the picture's EXIF says of its time and place. A camera may write anything there, and it is never worth a refusal."""
    try:
        exif = picture.getexif()
        return _taken_at(exif, zone), _position(exif)
    except Exception as wrong:
        log.info("EXIF cannot be read", error=type(wrong).__name__)
        return None, None


def _taken_at(exif: Image.Exif, zone: tzinfo) -> datetime | None:
    """A camera writes its own clock; without an offset that is the city's."""
    said = exif.get_ifd(ExifTags.IFD.Exif)
    taken, offset = said.get(ExifTags.Base.DateTimeOriginal), said.get(ExifTags.Base.OffsetTimeOriginal)
    if not taken:
        return None
    try:
        at = datetime.strptime(f"{taken} {offset or '+00:00'}", "%Y:%m:%d %H:%M:%S %z")
    except ValueError:
        return None
    return (at if offset else at.replace(tzinfo=zone)) if at.year >= CAMERAS_SINCE else None


def _position(exif: Image.Exif) -> tuple[float, float] | None:
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    try:
        lat, lon = (_degrees(gps[tag]) for tag in (ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLongitude))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    south, west = gps.get(ExifTags.GPS.GPSLatitudeRef) == "S", gps.get(ExifTags.GPS.GPSLongitudeRef) == "W"
    if not (0 <= lat <= 90 and 0 <= lon <= 180):  # NaN is neither
        return None
    return (-lat if south else lat, -lon if west else lon)


def _degrees(parts: tuple[float, float, float]) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    return degrees + minutes / 60 + seconds / 3600
