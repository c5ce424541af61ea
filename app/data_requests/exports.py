"""The copy of somebody's data: where it lies, who may fetch it, how long. What is in it, the worker gathers."""

import asyncio
import base64
import time
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from msgspec import Struct
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account
from app.core import audit, person_keys, sealed_files
from app.core.crypto import Crypto
from app.core.principals import Citizen, Nobody
from app.core.settings import Uploads
from app.data_requests import queries, service
from app.data_requests.models import DataExport, DataRequest
from app.data_requests.rules import FILE_KEPT, FILE_KEY, OPEN, ExportGone, ExportNotReady, Kind, Status
from app.data_requests.steps import step, tell

STRAY_AFTER = timedelta(days=1)
"""So long after its last byte a file that nothing in the database names belongs to nobody."""


class Download(Struct, frozen=True):
    path: Path
    key: bytes

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Read in a thread, one piece at a time."""
        reading = sealed_files.read(self.path, self.key)
        while piece := await asyncio.to_thread(next, reading, b""):
            yield piece


def path_of(uploads: Uploads, export_id: UUID) -> Path:
    return Path(uploads.folder) / "exports" / f"{export_id}.sealed"


async def wanted(db: AsyncSession, request_id: UUID) -> UUID | None:
    """Whose data is still to be gathered for this request."""
    request = await db.get(DataRequest, request_id)
    waits = request is not None and request.kind == Kind.EXPORT and request.status in OPEN
    return request.account_id if request is not None and waits else None


async def keep(db: AsyncSession, crypto: Crypto, request_id: UUID, export_id: UUID, key: bytes) -> bool:
    """The file is whole: let it be fetched. False if it is no longer wanted, or another run was faster."""
    request = await db.get_one(DataRequest, request_id, with_for_update=True)
    if request.status not in OPEN:
        return False
    now = datetime.now(UTC)
    person = await person_keys.person(db, crypto, request.account_id)
    export = DataExport(
        id=export_id,
        request_id=request_id,
        account_id=request.account_id,
        key_sealed=person.encrypt(FILE_KEY, base64.b64encode(key).decode()),
        made_at=now,
        expires_at=now + FILE_KEPT,
    )
    db.add(export)
    step(db, request, Status.COMPLETED, Nobody())
    await tell(db, request, "export-ready", until_at=export.expires_at.isoformat())
    return True


async def download(db: AsyncSession, crypto: Crypto, uploads: Uploads, citizen: Citizen, request_id: UUID) -> Download:
    """Open one's own export. Raises NoSuchRequest, ProofNeeded, ExportNotReady, ExportGone."""
    request = await queries.one(db, citizen, request_id)
    service.check_proof(citizen, await db.get_one(Account, citizen.id))
    if request.kind != Kind.EXPORT or request.status in OPEN:
        raise ExportNotReady
    export = await db.scalar(select(DataExport).where(DataExport.request_id == request.id))
    if export is None or export.expires_at <= datetime.now(UTC):
        raise ExportGone
    path = path_of(uploads, export.id)
    if not await asyncio.to_thread(path.is_file):
        raise ExportGone
    person = await person_keys.person(db, crypto, citizen.id)
    audit.record(db, citizen, "data-request.downloaded", "data-request", request.id, account_id=citizen.id)
    return Download(path, base64.b64decode(person.decrypt(FILE_KEY, export.key_sealed)))


async def of_account(db: AsyncSession, account_id: UUID) -> Sequence[UUID]:
    return (await db.scalars(select(DataExport.id).where(DataExport.account_id == account_id))).all()


async def forget_old(db: AsyncSession) -> Sequence[UUID]:
    """What has expired; the files are for `remove`, once this is committed."""
    expired = delete(DataExport).where(DataExport.expires_at <= datetime.now(UTC))
    return (await db.scalars(expired.returning(DataExport.id))).all()


async def strays(db: AsyncSession, found: Sequence[UUID]) -> Sequence[UUID]:
    """Those of the files found that nothing names: their worker died, or their row is gone."""
    named = set(await db.scalars(select(DataExport.id).where(DataExport.id.in_(found))))
    return [one for one in found if one not in named]


def on_disk(uploads: Uploads) -> list[UUID]:
    """Files that nobody has written to for a day."""
    before = time.time() - STRAY_AFTER.total_seconds()
    folder = Path(uploads.folder) / "exports"
    return [UUID(path.stem) for path in folder.glob("*.sealed") if path.stat().st_mtime < before]


def remove(uploads: Uploads, export_ids: Sequence[UUID]) -> None:
    for export_id in export_ids:
        path_of(uploads, export_id).unlink(missing_ok=True)
