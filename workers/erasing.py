"""The end of a person in the house: every slice forgets them, then their key goes. The only place that knows all slices' part."""

import asyncio
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import queries as account_queries
from app.accounts import service as accounts
from app.consents import service as consents
from app.core import audit, idempotency, person_keys, sessions
from app.core.crypto import Crypto
from app.core.principals import Nobody
from app.credentials import codes, passkeys
from app.data_requests import closing, exports
from app.data_requests import service as data_requests
from app.delegations import service as delegations
from app.notifications import service as notifications
from app.tickets import photos
from app.tickets import service as tickets
from workers.context import Context, Run


async def close_account(context: Context, run: Run) -> None:
    """Shut the account; remove its files; erase its rows and shred its key. Each beat may be done again."""
    request_id, uploads = run.uuid("request_id"), context.settings.uploads
    async with context.database.transaction() as db:
        account_id = await closing.begin(db, context.revocations, request_id)
        if account_id is None:
            return
        pictures = await photos.to_erase(db, account_id)
        copies = await exports.of_account(db, account_id)
    await asyncio.to_thread(photos.remove, uploads, pictures)
    await asyncio.to_thread(exports.remove, uploads, copies)
    async with context.database.transaction() as db:
        await photos.erase(db, pictures)
        await erase(db, context.crypto, account_id, request_id)
        await closing.finish(db, request_id, leftovers=await photos.kept(db, account_id))


async def erase(db: AsyncSession, crypto: Crypto, account_id: UUID, request_id: UUID) -> None:
    """Each slice's part, in one transaction, those who need to know the person first. With the account goes the person's key,
    and with the key whatever was sealed with it, wherever a copy of it lies."""
    person = await person_keys.person(db, crypto, account_id)
    known = await account_queries.known_words(db, person, account_id)
    await tickets.erase(db, account_id, known)
    await codes.erase(db, account_id)
    await passkeys.erase(db, account_id)
    await delegations.erase(db, account_id)
    await data_requests.erase(db, account_id, but=request_id)
    await consents.erase(db, account_id)
    await notifications.erase(db, account_id)
    await accounts.erase(db, account_id)
    for one in await account_queries.same_person(db, account_id):
        await sessions.erase(db, one)
        await idempotency.erase(db, str(one))
    audit.record(db, Nobody(), "account.erased", "account", account_id, account_id=account_id)
