"""Which function does which job, and what the clock starts."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct

from app.accounts.rules import MERGED_JOB, TELL_JOB
from app.consents.rules import WITHDRAWN_JOB
from app.core.jobs import SWEEP_JOB, Job
from app.credentials.rules import SMS_JOB
from app.data_requests import rules as data_requests
from app.delegations import rules as delegations
from app.notifications.rules import PUSH_JOB
from app.signals.rules import RECHECK_EVERY, RECHECK_JOB
from app.tickets.workflow import DEADLINE_JOB, FILED_JOB, RATE_JOB
from app.trail.rules import SEAL_JOB
from workers import erasing, exporting, jobs, withdrawals
from workers.context import Context, Run

WORKERS: dict[str, Callable[[Context, Run], Awaitable[None]]] = {
    SMS_JOB.name: jobs.send_code,
    PUSH_JOB.name: jobs.push,
    TELL_JOB.name: jobs.tell_security,
    MERGED_JOB.name: jobs.hand_over,
    FILED_JOB.name: jobs.tell_filed,
    DEADLINE_JOB.name: jobs.watch_deadline,
    RECHECK_JOB.name: jobs.recheck_eids,
    RATE_JOB.name: jobs.ask_rating,
    WITHDRAWN_JOB.name: withdrawals.withdrawn,
    data_requests.DEADLINE_JOB.name: jobs.watch_data_request,
    data_requests.EXPORT_JOB.name: exporting.export,
    data_requests.CLOSE_JOB.name: erasing.close_account,
    delegations.OFFER_JOB.name: jobs.tell_offered,
    delegations.CLOSE_JOB.name: jobs.close_delegations,
    delegations.RECHECK_JOB.name: jobs.recheck_delegations,
    delegations.ASK_JOB.name: jobs.recheck_delegation,
    SWEEP_JOB.name: jobs.sweep_old,
    SEAL_JOB.name: jobs.seal_trail,
}


class Scheduled(Struct, frozen=True):
    """A job that the clock starts, once a period however many workers run."""

    job: Job
    every: timedelta

    def slot(self, now: datetime) -> tuple[UUID, datetime]:
        """The id and the moment of the current period's run: the same in every process."""
        seconds = self.every.total_seconds()
        at = datetime.fromtimestamp(now.timestamp() // seconds * seconds, UTC)
        return uuid5(NAMESPACE_URL, f"khue:{self.job.name}:{at.isoformat()}"), at


SCHEDULE = [
    Scheduled(SWEEP_JOB, timedelta(hours=1)),
    Scheduled(RECHECK_JOB, RECHECK_EVERY),
    Scheduled(SEAL_JOB, timedelta(minutes=20)),
    Scheduled(delegations.CLOSE_JOB, timedelta(minutes=1)),
    Scheduled(delegations.RECHECK_JOB, timedelta(minutes=15)),
]
