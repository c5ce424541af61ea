"""The jobs of the house by name and lane; what they do is in `workers/`, when they run is in the outbox."""

from enum import StrEnum

from msgspec import Struct


class Lane(StrEnum):
    """Urgent work never queues behind routine work."""

    URGENT = "urgent"
    NORMAL = "normal"
    BULK = "bulk"


class Job(Struct, frozen=True):
    name: str
    lane: Lane
    timeout_s: int
    """How long one run may take before it is given up and tried again."""
    tries_max: int
    """After so many failed runs the job is dead and waits for `khue jobs replay`."""


_declared: dict[str, Job] = {}


def declare(name: str, lane: Lane, *, timeout_s: int = 30, tries_max: int = 8) -> Job:
    """Said once, beside the rule that needs the job. Raises ValueError for a name already taken."""
    if name in _declared:
        raise ValueError(f"the job {name} is declared twice")
    job = Job(name, lane, timeout_s, tries_max)
    _declared[name] = job
    return job


SWEEP_JOB = declare("sweep-old", Lane.BULK, timeout_s=300, tries_max=3)
"""Forgets what has served its time."""


def all_jobs() -> dict[str, Job]:
    return dict(_declared)
