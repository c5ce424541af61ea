"""Traces go to a collector when one is named, from the request to the job it caused."""

import asyncio
from pathlib import Path

import httpx2

from app.cli.process import free_port
from app.core.house import House
from sandbox.phone import moments
from tests import servers
from tests.make import Make


async def test_a_request_is_traced_to_the_collector(
    make: Make, house: House, environment: dict[str, str], tmp_path: Path
) -> None:
    received = bytearray()

    async def collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        received.extend(await reader.readexactly(int(length.split(b":")[1])))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    collector = await asyncio.start_server(collect, "127.0.0.1", 0)
    port, log = free_port(), tmp_path / "api.log"
    traced = {
        "SERVER__PORT": str(port),
        "TELEMETRY__OTLP_ENDPOINT": f"http://127.0.0.1:{collector.sockets[0].getsockname()[1]}/v1/traces",
        "TELEMETRY__SAMPLE_RATIO": "1",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
    }
    with servers.process(log, environment | traced, "-m", "app.main"):
        base = f"http://127.0.0.1:{port}"
        await asyncio.to_thread(servers.wait_for, f"{base}/health/live", log)
        citizen = await make.citizen()
        async with httpx2.AsyncClient(base_url=base) as client:
            headers = {"Authorization": f"Bearer {citizen.token}", "Idempotency-Key": '"t"'}
            answer = await client.post("/v1/citizen/tickets", json=make.new_ticket(), headers=headers)
            assert answer.status_code == 201
        async for _ in moments(10):
            if b"POST /v1/citizen/tickets" in received:
                break
    collector.close()
    assert b"POST /v1/citizen/tickets" in received
    trace = await house.database.hot.fetchval(
        "SELECT trace FROM outbox WHERE args->>'ticket_id' = $1 AND job = 'ticket-deadline'", answer.json()["id"]
    )
    assert trace.startswith("00-")
    assert bytes.fromhex(trace.split("-")[1]) in received
