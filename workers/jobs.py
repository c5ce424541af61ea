"""What each job does, in three beats: take (short transaction), send (no connection held), record (short transaction)."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.accounts import merging
from app.accounts import queries as accounts
from app.accounts import service as account_service
from app.accounts.rules import NAMELESS, template_of
from app.consents import queries as consents
from app.consents import service as consents_service
from app.core import audit, idempotency, limits, outbox, revocations, sessions, sign_ins, signing_keys
from app.core.errors import OutsideUnavailable
from app.credentials import codes, passkeys
from app.credentials import service as credential_service
from app.data_requests import service as data_requests
from app.data_requests.rules import Stage
from app.delegations import clock as delegations
from app.delegations import service as delegation_service
from app.notifications import queries as notifications
from app.notifications import service as notification_service
from app.notifications.rules import PUSH_BODY_MAX
from app.signals import rechecks
from app.signals import service as signals
from app.tickets import photos
from app.tickets import service as tickets
from app.trail import sealing
from workers import exporting
from workers.context import Context, Run
from workers.fcm import Note
from workers.outcomes import Later

TAKE_OVERS = (
    tickets.take_over,
    credential_service.take_over,
    consents_service.take_over,
    notification_service.take_over,
)
"""Of each slice that holds something of an account."""
RESEALING = (data_requests.take_over, delegation_service.take_over)
"""The same, of those that hold something sealed with the person's key: it is sealed anew with the other's."""


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
        if template.purpose_code and not await consents.allows(
            db, message.account_id, template.purpose_code, "contact"
        ):
            return
        language = await accounts.language_of(db, message.account_id)
        settled = await notifications.settled(db, message_id)
        security = message.template_code.startswith(
            "security-"
        )  # of a theft or a block the owner's phone is told as well
        targets = await accounts.push_targets(db, message.account_id, signed_out=security)
        phones = [one for one in targets if one.id not in settled]
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
        facts = dict(entry.facts)
        if entry.action == "new-device":
            facts["device"] = await sessions.name_of(db, UUID(entry.subject_id)) or NAMELESS
        await notification_service.tell(
            db,
            entry.account_id,
            template_of(entry.action, entry.facts),
            subject_kind="account",
            subject_id=entry.account_id,
            once=str(entry.id),
            seen_at=entry.at.isoformat(),
            **facts,
        )


async def hand_over(context: Context, run: Run) -> None:
    """What each slice holds of an account that was merged, to the account that stayed."""
    from_id = run.uuid("account_id")
    async with context.database.transaction() as db:
        to_id = await merging.merged_into(db, from_id)
        if to_id is None:
            return
        for reseal in RESEALING:
            await reseal(db, context.crypto, from_id, to_id)
        for take_over in TAKE_OVERS:
            await take_over(db, from_id, to_id)
        await merging.finish(db, from_id, timedelta(seconds=context.settings.tokens.access_ttl_s))


async def tell_offered(context: Context, run: Run) -> None:
    """Somebody may accept a delegation: to the holder of the phone that was named."""
    async with context.database.transaction() as db:
        await delegation_service.tell_offered(db, run.uuid("delegation_id"))


async def close_delegations(context: Context, run: Run) -> None:
    """The clock's word on delegations: children who are 18 today, grants that are over, offers nobody accepted."""
    async with context.database.transaction() as db:
        await delegations.close_due(db)


async def recheck_delegations(context: Context, run: Run) -> None:
    """Have the registries asked again, each delegation in a job of its own."""
    async with context.database.transaction() as db:
        await delegations.ask_due(db)


async def recheck_delegation(context: Context, run: Run) -> None:
    """Whether a registry still says so."""
    delegation_id = run.uuid("delegation_id")
    async with context.database.transaction() as db:
        question = await delegations.to_ask(db, context.crypto, delegation_id)
    if question is None:
        return
    try:
        said = await delegations.ask(context.registries, question)
    except OutsideUnavailable as wrong:
        raise Later("registry") from wrong
    async with context.database.transaction() as db:
        await delegations.answered(db, context.crypto, context.settings.timezone, delegation_id, said)


async def tell_filed(context: Context, run: Run) -> None:
    """Confirm a filed ticket to its citizen."""
    async with context.database.transaction() as db:
        await tickets.tell_filed(db, run.uuid("ticket_id"), context.directory)


async def watch_deadline(context: Context, run: Run) -> None:
    """The clock's word on a ticket."""
    async with context.database.transaction() as db:
        await tickets.watch(db, run.uuid("ticket_id"), run.args["stage"])


async def recheck_eids(context: Context, run: Run) -> None:
    """Ask the national eID again about those who use the app."""
    async with context.database.transaction() as db:
        due = await rechecks.take(db, context.crypto, context.settings)
    per_s = context.settings.rechecks.per_s
    await rechecks.ask(context.database, context.revocations, context.crypto, context.eid, due, per_s)


async def ask_rating(context: Context, run: Run) -> None:
    """Some days after an answer: would the resident rate it?"""
    async with context.database.transaction() as db:
        await tickets.ask_rating(db, run.uuid("ticket_id"))


async def watch_data_request(context: Context, run: Run) -> None:
    """The clock's word on a request about personal data."""
    async with context.database.transaction() as db:
        await data_requests.watch(db, run.uuid("request_id"), Stage(run.args["stage"]))


async def seal_trail(context: Context, run: Run) -> None:
    """Every day of the trail that is over, the oldest first."""
    del run
    issuer = context.settings.tokens.issuer
    try:
        while await sealing.seal_next(context.database, context.crypto, issuer, datetime.now(UTC)):
            pass
    except sealing.NotSettled as wrong:
        raise Later(str(wrong)) from wrong


async def sweep_old(context: Context, run: Run) -> None:
    """Forget what has served its time: keys, codes, challenges, states of sign-ins, revocations, sessions, rates, signals, workers,
    unused photos, exports."""
    async with context.database.transaction() as db:
        await idempotency.forget_old(db)
        await codes.forget_old(db)
        await passkeys.forget_old(db)
        await sign_ins.forget_old(db)
        await merging.forget_old(db)
        await revocations.forget_old(db)
        await limits.forget_old(db)
        await account_service.forget_old_devices(db)
        await sessions.forget_old(db)
        await signing_keys.forget_old(db)
        await signals.forget_old(db)
        await outbox.forget_workers(db)
        unused = await photos.forget_unused(db)
    await asyncio.to_thread(photos.remove, context.settings.uploads, unused)
    await exporting.sweep(context)
