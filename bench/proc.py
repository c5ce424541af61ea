"""What /proc says: CPU time and memory of processes we started, and whether others worked meanwhile."""

import os
import resource
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """CPU seconds of a process, of those children it has reaped, and of its living children (PostgreSQL's backends)."""
    return _cpu_s(pid) + sum(_cpu_s(child) for child in children(pid))


def cpu_of_children_s() -> float:
    """CPU seconds of our own children that have ended: the load generator, pgbench."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cpu_of_all_s() -> float:
    """CPU seconds that the machine has spent on anything at all."""
    user, nice, system, _idle, _wait, irq, softirq = Path("/proc/stat").read_text().split(maxsplit=8)[1:8]
    return sum(map(int, (user, nice, system, irq, softirq))) * TICK_S


def pss_mb(pid: int) -> float:
    """Proportional set size of a process and its children: memory shared by several is counted once."""
    return sum(_pss_kb(one) for one in (pid, *children(pid))) / 1024


def child_named(name: str) -> int:
    """The process id of our own child of that name."""
    return next(pid for pid in children(os.getpid()) if _stat(pid)[0] == name)


def children(parent: int) -> list[int]:
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if _stat(pid)[1][1] == str(parent)]


def _cpu_s(pid: int) -> float:
    return sum(map(int, _stat(pid)[1][11:15])) * TICK_S


def _stat(pid: int) -> tuple[str, list[str]]:
    """Name, and the fields from `state` on (proc_pid_stat(5)); empty fields for a process that is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return "", ["0"] * 20
    name, _, fields = text.partition("(")[2].rpartition(") ")
    return name, fields.split()


def _pss_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
