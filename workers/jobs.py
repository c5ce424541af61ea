"""What each job does, in three beats: take (short transaction), send (no connection held), record (short transaction)."""

import asyncio
from datetime import timedelta

from app.accounts import merging
from app.accounts import queries as accounts
from app.accounts import service as account_service
from app.core import audit, idempotency, limits, outbox, revocations, sessions, sign_ins, signing_keys
from app.core.errors import OutsideUnavailable
from app.credentials import codes
from app.notifications import queries as notifications
from app.notifications import service as notification_service
from app.notifications.rules import PUSH_BODY_MAX
from app.tickets import photos
from app.tickets import service as tickets
from workers.context import Context, Run
from workers.fcm import Note
from workers.outcomes import Later

TAKE_OVERS = (tickets.take_over, notification_service.take_over)
"""Of each slice that holds something of an account; what is sealed with its key has to be sealed anew."""


async def send_code(context: Context, run: Run) -> None:
    """The sign-in code to a phone."""
    code_id = run.uuid("code_id")
    async with context.database.transaction() as db:
        found = await codes.to_send(db, context.crypto, code_id)
    if found is None:
        return
    try:
        await context.sms.send(*found, once=str(code_id))
    except OutsideUnavailable as wrong:
        raise Later("sms") from wrong
    async with context.database.transaction() as db:
        await codes.sent(db, code_id)


async def push(context: Context, run: Run) -> None:
    """One message to every phone of its account; a phone that has it is not rung again."""
    message_id = run.uuid("message_id")
    async with context.database.transaction() as db:
        found = await notifications.to_push(db, message_id)
        if found is None:
            return
        message, template = found
        language = await accounts.language_of(db, message.account_id)
        settled = await notifications.settled(db, message_id)
        phones = [one for one in await accounts.push_targets(db, message.account_id) if one.id not in settled]
    title, body = notifications.words(message, template, language, context.settings.timezone)
    subject = {"kind": message.subject_kind, "id": str(message.subject_id), "message_id": str(message_id)}
    waiting = 0
    for phone in phones:
        outcome = await context.push.send(phone.kind, phone.value, Note(title, body[:PUSH_BODY_MAX], subject))
        if outcome.kind == "later":
            waiting += 1
            continue
        async with context.database.transaction() as db:
            await notification_service.delivered(db, message_id, phone.id, outcome.kind, outcome.vendor_id)
            if outcome.kind == "gone":
                await account_service.forget_push(db, phone.id)
    if waiting:
        raise Later(f"{waiting} phones not reached")


async def tell_security(context: Context, run: Run) -> None:
    """What happened to an account, to its holder."""
    async with context.database.transaction() as db:
        entry = await db.get(audit.AuditEntry, run.uuid("entry_id"))
        if entry is None or entry.account_id is None:
            return
        await notification_service.tell(
            db,
            entry.account_id,
            f"security-{entry.action}",
            subject_kind="account",
            subject_id=entry.account_id,
            once=str(entry.id),
            seen_at=entry.at.isoformat(),
            **entry.facts,
        )


async def hand_over(context: Context, run: Run) -> None:
    """What each slice holds of an account that was merged, to the account that stayed."""
    from_id = run.uuid("account_id")
    async with context.database.transaction() as db:
        to_id = await merging.merged_into(db, from_id)
        if to_id is None:
            return
        for take_over in TAKE_OVERS:
            await take_over(db, from_id, to_id)
        await merging.finish(db, from_id, timedelta(seconds=context.settings.tokens.access_ttl_s))


async def tell_filed(context: Context, run: Run) -> None:
    """Confirm a filed ticket to its citizen."""
    async with context.database.transaction() as db:
        await tickets.tell_filed(db, run.uuid("ticket_id"), context.directory)


async def watch_deadline(context: Context, run: Run) -> None:
    """The clock's word on a ticket."""
    async with context.database.transaction() as db:
        await tickets.watch(db, run.uuid("ticket_id"), run.args["stage"])


async def sweep_old(context: Context, run: Run) -> None:
    """Forget what has served its time: keys, codes, states of sign-ins, revocations, sessions, rates, workers, unused photos."""
    async with context.database.transaction() as db:
        await idempotency.forget_old(db)
        await codes.forget_old(db)
        await sign_ins.forget_old(db)
        await merging.forget_old(db)
        await revocations.forget_old(db)
        await limits.forget_old(db)
        await account_service.forget_old_devices(db)
        await sessions.forget_old(db)
        await signing_keys.forget_old(db)
        await outbox.forget_workers(db)
        unused = await photos.forget_unused(db)
    await asyncio.to_thread(photos.remove, context.settings.uploads, unused)
