"""The house's own pages: health, metrics, documents, keys; no file from another host."""

import re

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from sandbox.phone import Resident
from tests.make import Make


async def test_health_says_what_answers(make: Make) -> None:
    assert await make.nobody().get("/health/live") == {"status": "ok"}
    assert await make.nobody().get("/health/ready") == {"status": "ok", "database": "ok", "redis": "ok"}


async def test_a_made_up_method_makes_no_metric_of_its_own(make: Make) -> None:
    await make.nobody().call("BREW", "/v1/public/areas", status=405)
    text = (await make.nobody().call("GET", "/metrics", status=200)).text
    assert 'method="other"' in text
    assert "BREW" not in text


async def test_metrics_count_requests_and_are_for_the_listed_addresses(make: Make, citizen: Resident) -> None:
    await citizen.get("/v1/citizen/me")
    text = (await make.nobody().call("GET", "/metrics", status=200)).text
    assert re.search(r'khue_requests_total\{method="GET",route="/v1/citizen/me",status="200"\} [1-9]', text)


@pytest.mark.parametrize("audience", ["public", "citizen", "officer", "partner"])
async def test_a_document_is_readable_with_our_own_files_only(make: Make, audience: str) -> None:
    nobody = make.nobody()
    page = await nobody.call("GET", f"/docs/{audience}", status=200)
    assert page.headers["content-security-policy"].startswith("default-src 'self'")
    for source in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert source.startswith("/")
        answer = await nobody.call("GET", source, status=200)
        kind = "text/css" if source.endswith(".css") else "text/javascript"
        assert answer.content
        assert answer.headers["content-type"].startswith(kind)
    assert (await nobody.get(f"/openapi/{audience}.json"))["openapi"].startswith("3.1")


@pytest.mark.parametrize(
    "path", ["/docs/nope", "/openapi/nope.json", "/docs/reader/../../secrets", "/docs/reader/index.html"]
)
async def test_what_is_no_document_is_404(make: Make, path: str) -> None:
    await make.nobody().get(path, status=404)


async def test_our_tokens_verify_with_the_published_keys(make: Make, citizen: Resident) -> None:
    published = await make.nobody().get("/.well-known/jwks.json")
    assert all("d" not in key for key in published["keys"])
    claims = jwt.decode(citizen.token, KeySet.import_key_set(published), algorithms=["ES256"]).claims
    assert claims["aud"] == "citizen"
