"""Every answer of every test is held against the OpenAPI documents."""

import re
from functools import cache
from typing import Any

import httpx2
from jsonschema import Draft202012Validator

from app.main.documents import documents


@cache
def paths() -> list[tuple[re.Pattern[str], str, dict[str, Any], dict[str, Any]]]:
    """Pattern, method, operation, components."""
    found: list[tuple[re.Pattern[str], str, dict[str, Any], dict[str, Any]]] = []
    for document in documents().values():
        for path, item in document["paths"].items():
            pattern = re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path))
            found += [(pattern, method, operation, document["components"]) for method, operation in item.items()]
    return sorted(found, key=lambda one: "[^/]" in one[0].pattern)  # what is literal goes before what is a parameter


def operation_of(method: str, path: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    for pattern, wanted, operation, components in paths():
        if wanted == method.lower() and pattern.fullmatch(path):
            return operation, components
    return None


async def check(answer: httpx2.Response) -> None:
    """An httpx event hook. Raises AssertionError for an answer that the documents do not promise."""
    path = answer.request.url.path
    if not path.startswith("/v1/"):
        return
    await answer.aread()
    found = operation_of(answer.request.method, path)
    if found is None:
        assert answer.status_code in (404, 405, 400, 503, 429, 401), f"{path} is in no document: {answer.status_code}"
        return
    operation, components = found
    promised = operation["responses"].get(str(answer.status_code))
    if answer.status_code >= 400:
        promised = operation["responses"]["default"]
        assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert promised is not None, f"{answer.status_code} is not promised for {operation['operationId']}"
    for kind, content in promised.get("content", {}).items():
        if kind.endswith("json") and answer.content:
            validator(operation["operationId"], answer.status_code, content["schema"], components).validate(
                answer.json()
            )


_validators: dict[tuple[str, int], Draft202012Validator] = {}


def validator(name: str, status: int, schema: dict[str, Any], components: dict[str, Any]) -> Draft202012Validator:
    key = (f"{name}{id(components)}", status)
    if key not in _validators:
        _validators[key] = Draft202012Validator({**schema, "components": components})
    return _validators[key]
