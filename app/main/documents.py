"""The OpenAPI documents, one an audience: made from the doors, so that they cannot say anything else."""

from typing import Any

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.routes import HTTPRoute

from app.core import reasons
from app.main.doors import DOORS, Door, provide_shared, routers

VERSION = "0.1.0"

PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable; see /docs/problems"},
        "detail": {"type": "string"},
        "params": {"type": "object", "additionalProperties": True},
        "request_id": {"type": "string"},
    },
}

IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "pattern": '^".{1,128}"$'},
    "description": 'A quoted string, unique for this act, e.g. "8e03978e". The same key and input answer the same.',
}

ACCESS_REASON: dict[str, Any] = {
    "name": reasons.HEADER,
    "in": "header",
    "required": True,
    "schema": {"type": "string", "pattern": "^([ -$&-~]|%[0-9A-Fa-f]{2})+$"},
    "description": (
        f"Why this personal data is opened: {reasons.LEAST} to {reasons.MOST} characters, percent-encoded UTF-8"
        " (encodeURIComponent), e.g. X%C3%A1c%20minh%20ph%E1%BA%A3n%20%C3%A1nh. It is kept, and the resident can read it."
    ),
}
ON_BEHALF_OF: dict[str, Any] = {
    "name": "X-On-Behalf-Of",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "format": "uuid"},
    "description": "The account in whose name this is done, by a delegation that covers “{scope}”.",
}


def documents() -> dict[str, dict[str, Any]]:
    """Each audience's document, ready for JSON."""
    app = Litestar(
        route_handlers=routers(),
        dependencies=provide_shared({}),
        openapi_config=OpenAPIConfig(title="Khuê", version=VERSION),
        logging_config=None,
    )
    whole = app.openapi_schema.to_schema()
    handlers = {handler_key(route.path, method): handler for route, method, handler in _handlers(app)}
    return {door.audience: _document(door, whole, handlers) for door in DOORS}


def handler_key(path: str, method: str) -> tuple[str, str]:
    """Path without types of its parameters (`/tickets/{ticket_id}`), method in lower case."""
    parts = [part.split(":")[0] + "}" if part.startswith("{") else part for part in path.split("/")]
    return "/".join(parts), method.lower()


def is_once(handler: HTTPRouteHandler) -> bool:
    """Whether it asks for an Idempotency-Key."""
    asked = {"once", "claim"} & set(handler.parsed_fn_signature.parameters)
    return bool(asked) or "once_by_itself" in handler.opt


def _handlers(app: Litestar) -> list[tuple[Any, str, HTTPRouteHandler]]:
    return [
        (route, str(method), handler)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method, (handler, _) in route.route_handler_map.items()
        if method != "OPTIONS"
    ]


def _document(door: Door, whole: dict[str, Any], handlers: dict[tuple[str, str], HTTPRouteHandler]) -> dict[str, Any]:
    paths = {path: item for path, item in whole["paths"].items() if path.startswith(door.path + "/")}
    for path, item in paths.items():
        for method, operation in item.items():
            _complete(operation, handlers[path, method], door)
    document: dict[str, Any] = {
        "openapi": whole["openapi"],
        "info": {"title": door.title, "version": VERSION},
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": {"Problem": PROBLEM}},
    }
    if door.audience != "public":
        document["components"]["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
        }
        document["security"] = [{"token": []}]
    _add_schemas(document, whole.get("components", {}).get("schemas", {}))
    return document


def _complete(operation: dict[str, Any], handler: HTTPRouteHandler, door: Door) -> None:
    operation["operationId"] = handler.handler_name
    operation["tags"] = [door.audience]
    operation["responses"].pop("400", None)
    operation["responses"]["default"] = {
        "description": "A problem (RFC 9457)",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if is_once(handler):
        operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
    if "access_reason" in handler.parsed_fn_signature.parameters:
        operation.setdefault("parameters", []).append(ACCESS_REASON)
    if scope := handler.opt.get("on_behalf"):
        said = ON_BEHALF_OF["description"].format(scope=scope)
        operation.setdefault("parameters", []).append(ON_BEHALF_OF | {"description": said})
    if "if_none_match" in handler.parsed_fn_signature.parameters:
        operation["responses"]["304"] = {"description": "It has not changed"}


def _add_schemas(document: dict[str, Any], every: dict[str, Any]) -> None:
    """The schemas that the paths refer to, and those that these refer to."""
    kept = document["components"]["schemas"]
    waiting = _references(document["paths"])
    while waiting:
        name = waiting.pop()
        if name not in kept:
            kept[name] = every[name]
            waiting |= _references(every[name])
    document["components"]["schemas"] = dict(sorted(kept.items()))


def _references(node: Any) -> set[str]:
    if isinstance(node, dict):
        found = {node["$ref"].rsplit("/", 1)[-1]} if isinstance(node.get("$ref"), str) else set[str]()
        return found.union(*(_references(value) for value in node.values()))
    if isinstance(node, list):
        return set[str]().union(*(_references(value) for value in node))
    return set()
