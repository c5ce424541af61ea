"""SMS: one HTTP call behind a Protocol; the gateway's address is a setting."""

from typing import Protocol

from app.core.errors import OutsideUnavailable
from app.core.http import Outbound
from app.core.settings import Sms as SmsSettings


class Sms(Protocol):
    async def send(self, phone: str, text: str, once: str) -> None:
        """Send one message; `once` is the gateway's idempotency key. Raises OutsideUnavailable."""
        ...


class HttpSms:
    def __init__(self, settings: SmsSettings, outbound: Outbound) -> None:
        self._settings = settings
        self._outbound = outbound

    async def send(self, phone: str, text: str, once: str) -> None:
        async with self._outbound.client("sms") as client:
            answer = await client.post(
                self._settings.url,
                json={"from": self._settings.sender, "to": phone, "text": text},
                headers={"Idempotency-Key": f'"{once}"'},
            )
        if answer.status_code >= 300:
            raise OutsideUnavailable(system="sms")
