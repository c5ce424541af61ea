"""Puts the stand-ins together in one application."""

import html
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from litestar import Litestar, Request, Response, get
from litestar.datastructures import State
from litestar.di import Provide

from sandbox import eid, faults, fcm, people, registries, sms
from sandbox.faults import Faults
from sandbox.keys import Keys
from sandbox.oidc import Client, Provider
from sandbox.pages import page


@get("/")
async def index() -> Response[str]:
    """What there is to see."""
    links = {
        "/sms/": "Tin nhắn SMS",
        "/phones": "Điện thoại và thông báo đẩy",
        "/identities": "Định danh điện tử: tạm khoá, mở lại, đăng xuất, đổi khoá",
        "/eid/.well-known/openid-configuration": "Định danh điện tử (OpenID Connect)",
        "/staff/.well-known/openid-configuration": "Đăng nhập cán bộ (OpenID Connect)",
        "/registries/": "Hộ tịch và đăng ký doanh nghiệp: các gia đình và doanh nghiệp để thử làm thay",
        "/faults": "Lỗi theo yêu cầu",
    }
    return page(
        "Sandbox", "<ul>" + "".join(f'<li><a href="{to}">{said}</a></li>' for to, said in links.items()) + "</ul>"
    )


@get("/phone/return")
async def phone_return(request: Request[Any, Any, Any]) -> Response[str]:
    """Where a provider sends the browser back to; a real phone's app would take over here."""
    said = "".join(
        f"<tr><td>{html.escape(name)}</td><td><code>{html.escape(str(value))}</code></td></tr>"
        for name, value in request.query_params.items()
    )
    return page("Quay lại ứng dụng", f"<table>{said}</table>")


def build(environ: Mapping[str, str], home: Path, port: int) -> tuple[Litestar, Keys]:
    """The application and its keys. Raises KeyError for a missing setting of the clients."""
    keys = Keys(home, port)
    provider = Provider("eid", *_names(environ, "EID"), _client(environ, "EID"), keys, eid.residents, eid.claims_of)
    city = environ.get("KHUE_SIGNALS_URL") or environ.get("SERVER__PUBLIC_URL", "")
    kept = registries.Registries({name: _secret(environ, name.upper()) for name in registries.NAMES})
    given = {
        "faults": Faults(),
        "sms": sms.Outbox(),
        "phones": fcm.Phones(home),
        "keys": keys,
        "office": eid.Office(provider, city),
        "registries": kept,
    }
    staff = Provider("staff", *_names(environ, "STAFF"), _client(environ, "STAFF"), keys, _officers, _officer_claims)
    app = Litestar(
        [
            index,
            phone_return,
            *faults.handlers,
            *eid.handlers,
            sms.router,
            fcm.vendor,
            *fcm.pages,
            registries.router,
            provider.router(),
            staff.router(),
        ],
        dependencies={name: Provide(_always(thing), sync_to_thread=False) for name, thing in given.items()},
        state=State(given),
        openapi_config=None,
        logging_config=None,
    )
    return app, keys


def _names(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """A provider's issuer, and the address it answers at."""
    issuer = environ[f"{name}__ISSUER"]
    return issuer, (environ.get(f"{name}__DISCOVERY_URL") or issuer).rstrip("/")


def _client(environ: Mapping[str, str], name: str) -> Client:
    return Client(environ[f"{name}__CLIENT_ID"], environ[f"{name}__CLIENT_SECRET"], environ[f"{name}__REDIRECT_URI"])


def _secret(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    return environ[f"{name}__KEY"], environ[f"{name}__SECRET"]


def _officers() -> Mapping[str, str]:
    shown = (people.officer(number) for number in range(1, people.OFFICERS + 1))
    return {one.subject: f"{one.full_name} ({one.subject})" for one in shown}


def _officer_claims(subject: str, asked: dict[str, str]) -> dict[str, Any] | None:
    number = people.number_of(subject, "officer-", people.OFFICERS * 1000)
    if number is None:
        return None
    one = people.officer(number)
    claims = {"sub": one.subject, "name": one.full_name, "amr": ["pwd"] if asked.get("one_factor") else ["pwd", "otp"]}
    claims |= json.loads(asked.get("lie", "{}"))  # whatever a test wants to hear, e.g. an `amr` that is no list
    return {name: value for name, value in claims.items() if value is not None}


def _always(thing: Any) -> Any:
    def provide() -> Any:
        return thing

    return provide
