"""The load generator: `python -m bench.load job-file`, a process of its own that says as JSON what it saw.

Keep-alive HTTP/1.1 on raw sockets, requests ready as bytes, one under way on each connection; of an answer only the status
and the length are read, so that it takes as little as possible of the cores it shares with what it measures.
"""

import asyncio
import sys
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import msgspec
import uvloop
from msgspec import Struct, field

KEY = b"{key}"
"""Where a request wants something unique: its idempotency key."""
ANSWER_S = 30
"""An answer that has not come by then never comes, and that is no figure but a fault."""


class Job(Struct):
    port: int
    requests: list[bytes]
    connections: int
    warm_up_s: float
    seconds: float
    salt: str


class Seen(Struct):
    """`total` counts the warm-up too; times are of what was sent after it."""

    total: int
    per_s: float
    p50_ms: float
    p99_ms: float
    statuses: dict[str, int]
    refused: str = ""
    """The first answer that was not 2xx, whole."""


class Tally(Struct):
    measuring: bool = False
    stopping: bool = False
    total: int = 0
    times: array = field(default_factory=lambda: array("d"))
    statuses: Counter[bytes] = field(default_factory=Counter)
    refused: bytes = b""


class Caller(asyncio.Protocol):
    """One connection: sends, waits for the whole answer, sends the next."""

    def __init__(self, requests: Iterator[bytes], tally: Tally) -> None:
        self._requests = requests
        self._tally = tally
        self._got = b""
        self._whole = 0
        self._began = 0.0
        self._transport: asyncio.Transport
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._send()

    def connection_lost(self, wrong: Exception | None) -> None:
        if not self.over.done():
            self.over.set_exception(wrong or ConnectionError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        self._got = self._got + data if self._got else data
        if not self._whole:
            head = self._got.find(b"\r\n\r\n")
            if head < 0:
                return
            at = self._got.index(b"content-length: ", 0, head) + 16
            self._whole = head + 4 + int(self._got[at : self._got.index(b"\r", at)])
        if len(self._got) >= self._whole:
            self._answered()

    def _answered(self) -> None:
        tally, status = self._tally, self._got[9:12]
        tally.total += 1
        tally.statuses[status] += 1
        if tally.measuring:
            tally.times.append(time.perf_counter() - self._began)
        if status[:1] != b"2" and not tally.refused:
            tally.refused = self._got
        self._got, self._whole = b"", 0
        if tally.stopping:
            self.over.set_result(None)
            self._transport.close()
        else:
            self._send()

    def _send(self) -> None:
        self._began = time.perf_counter()
        self._transport.write(next(self._requests))


async def run(job: Job) -> Seen:
    tally = Tally()
    requests = _endless(job)
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: Caller(requests, tally), "127.0.0.1", job.port)
        for _ in range(job.connections)
    ]
    over = [caller.over for _, caller in made]
    await asyncio.wait(over, timeout=job.warm_up_s, return_when=asyncio.FIRST_EXCEPTION)
    tally.measuring, began = True, time.perf_counter()
    await asyncio.wait(over, timeout=job.seconds, return_when=asyncio.FIRST_EXCEPTION)
    tally.measuring, took, tally.stopping = False, time.perf_counter() - began, True
    await asyncio.wait_for(asyncio.gather(*over), ANSWER_S)
    times = sorted(tally.times)
    return Seen(
        total=tally.total,
        per_s=len(times) / took,
        p50_ms=times[len(times) // 2] * 1000,
        p99_ms=times[len(times) * 99 // 100] * 1000,
        statuses={status.decode(): count for status, count in tally.statuses.items()},
        refused=tally.refused.decode(errors="replace"),
    )


def _endless(job: Job) -> Iterator[bytes]:
    cut = [one.split(KEY) for one in job.requests]
    for number, parts in enumerate(cycle(cut)):
        yield parts[0] if len(parts) == 1 else b"%b%b-%d%b" % (parts[0], job.salt.encode(), number, parts[1])


def main() -> None:
    job = msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=Job)
    print(msgspec.json.encode(uvloop.run(run(job))).decode())


if __name__ == "__main__":
    main()
