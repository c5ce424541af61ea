"""Push through firebase-admin: FCM HTTP v1. One adapter, because the address is behind a private name of the library."""

import asyncio
import os
import uuid
import warnings
from typing import Any, Protocol

import firebase_admin
from firebase_admin import credentials, exceptions, messaging
from google.auth.transport.requests import Request
from msgspec import Struct

from app.core.settings import Fcm

MESSAGING_URL = "/v1/projects/{0}/messages:send"


class Note(Struct, frozen=True):
    """What a phone shows; `data` is for the app."""

    title: str
    body: str
    data: dict[str, str]


class Outcome(Struct, frozen=True):
    """`sent` with the vendor's id; `gone` when the phone has no app any more; `refused` when sending again cannot help;
    `later` otherwise."""

    kind: str
    vendor_id: str = ""


class Push(Protocol):
    async def send(self, kind: str, value: str, note: Note) -> Outcome:
        """One message to one phone, known by a registration `token` or an installation id (`fid`)."""
        ...


class FirebasePush:
    def __init__(self, settings: Fcm) -> None:
        self._credential = credentials.Certificate(settings.credentials_file)
        options = {"httpTimeout": settings.timeout_s}
        self._app = firebase_admin.initialize_app(self._credential, options, name=uuid.uuid4().hex)
        self._service = _service(self._app, settings)

    async def send(self, kind: str, value: str, note: Note) -> Outcome:
        await self._sign_in()
        notification = messaging.Notification(title=note.title, body=note.body)
        android = messaging.AndroidConfig(priority="high")
        with warnings.catch_warnings():  # phones of before 2026 are known by their token, which the library calls old
            warnings.simplefilter("ignore", DeprecationWarning)
            message: Any = messaging.Message(
                data=note.data, notification=notification, android=android, **{kind: value}
            )
        answered = (await self._service.send_each_async([message])).responses[0]
        if answered.success:
            return Outcome("sent", answered.message_id)
        return Outcome(_kind(answered.exception))

    async def close(self) -> None:
        await self._service._async_client.aclose()  # noqa: SLF001
        await asyncio.to_thread(firebase_admin.delete_app, self._app)  # it starts a loop of its own

    async def _sign_in(self) -> None:
        """The library would fetch its access token with a blocking call in the middle of the loop."""
        signed: Any = self._credential.get_credential()
        if not signed.valid:
            await asyncio.to_thread(signed.refresh, Request())


def _service(app: firebase_admin.App, settings: Fcm) -> Any:
    """The library's messaging service, led to a stand-in if the settings name one. It has no public switch for that."""
    real, trust = messaging._MessagingService.FCM_URL, os.environ.get("SSL_CERT_FILE")  # noqa: SLF001  # pyright: ignore
    try:
        if settings.base_url:
            messaging._MessagingService.FCM_URL = settings.base_url + MESSAGING_URL  # noqa: SLF001  # pyright: ignore
        if settings.ca_file:
            os.environ["SSL_CERT_FILE"] = settings.ca_file
        return messaging._get_messaging_service(app)  # noqa: SLF001  # pyright: ignore
    finally:
        messaging._MessagingService.FCM_URL = real  # noqa: SLF001  # pyright: ignore
        if settings.ca_file:
            if trust is None:
                os.environ.pop("SSL_CERT_FILE", None)
            else:
                os.environ["SSL_CERT_FILE"] = trust


def _kind(wrong: Exception | None) -> str:
    if isinstance(wrong, messaging.UnregisteredError):
        return "gone"
    if isinstance(wrong, messaging.SenderIdMismatchError | exceptions.InvalidArgumentError):
        return "refused"
    return "later"
