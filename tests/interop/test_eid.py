"""The national eID played by the certified `oidc-provider`, and by `oauth2-mock-server` which can be told to lie."""

import time
from collections.abc import Generator
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest

from sandbox import people
from sandbox.phone import Resident
from tests.interop.conftest import RETURN, City, Judge, judge, vouched

CLIENT = "khue"
PERSON = 901


async def back_from(resident: Resident, url: str) -> dict[str, str]:
    """Follow the provider's redirects as a browser does, until it sends us home."""
    for _ in range(10):
        answer = await resident.outside.get(url)
        assert answer.is_redirect, f"{answer.status_code}: {answer.text[:300]}"
        url = urljoin(url, answer.headers["location"])
        if url.startswith(RETURN):
            given = parse_qs(urlsplit(url).query)
            assert "code" in given, given
            return {name: given[name][0] for name in ("code", "state")}
    raise AssertionError("the provider sends us round in circles")


async def signed_in(resident: Resident) -> dict[str, str]:
    begun = await resident.post("/v1/public/eid-sign-ins", {"level": 2})
    back = await back_from(resident, begun["url"])
    resident.keep(await resident.post("/v1/public/eid-sessions", back))
    return back


def configuration(environment: dict[str, str], *, par: bool) -> dict[str, object]:
    client = {
        "client_id": CLIENT,
        "client_secret": environment["EID__CLIENT_SECRET"],
        "redirect_uris": [RETURN],
        "application_type": "native",
    }
    return {"client": client, "person": vouched(PERSON), "par": par}


@pytest.mark.parametrize("par", [True, False], ids=["pushed", "plain"])
async def test_the_certified_provider_signs_a_resident_in_at_level_2(
    environment: dict[str, str], city: City, *, par: bool
) -> None:
    with judge("oidc_provider.mjs", configuration(environment, par=par)) as provider:
        async with city(provider.issuer) as resident:
            back = await signed_in(resident)
            account = await resident.get("/v1/citizen/me")
            assert (account["level"], account["session_level"]) == (2, 2)
            assert account["full_name"] == people.resident(PERSON).full_name
            again = await resident.post("/v1/public/eid-sessions", back, status=400)
            assert again["code"] == "sign-in-refused"


async def test_the_certified_provider_changes_its_key_and_nobody_restarts(
    environment: dict[str, str], city: City
) -> None:
    with judge("oidc_provider.mjs", configuration(environment, par=True)) as provider:
        async with city(provider.issuer) as resident:
            await signed_in(resident)
            provider.tell({"kid": "second"})
            resident.outside.cookies.clear()
            await signed_in(resident)
            assert (await resident.get("/v1/citizen/me"))["session_level"] == 2


@pytest.fixture(scope="module")
def liar() -> Generator[Judge]:
    with judge("mock_server.mjs", vouched(PERSON + 1)) as started:
        yield started


async def test_the_mock_server_signs_a_resident_in_when_it_tells_the_truth(city: City, liar: Judge) -> None:
    liar.tell({})
    async with city(liar.issuer) as resident:
        await signed_in(resident)
        assert (await resident.get("/v1/citizen/me"))["full_name"] == people.resident(PERSON + 1).full_name


LIES = {
    "another's nonce": {"nonce": "of another sign-in"},
    "no nonce": {"nonce": None},
    "another's audience": {"aud": "another-client"},
    "another issuer": {"iss": "https://elsewhere.example"},
    "over": {"exp": int(time.time()) - 3600},
    "no end": {"exp": None},
    "from the future": {"iat": int(time.time()) + 3600},
    "an unknown key": {"$kid": "stranger"},
    "nobody": {"sub": ""},
    "no level": {"acr": None},
    "a level of its own": {"acr": "LoA9"},
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
async def test_a_lie_of_the_mock_server_signs_nobody_in(city: City, liar: Judge, lie: dict[str, object]) -> None:
    liar.tell(lie)
    async with city(liar.issuer) as resident:
        begun = await resident.post("/v1/public/eid-sign-ins", {"level": 2})
        back = await back_from(resident, begun["url"])
        answer = await resident.api.post("/v1/public/eid-sessions", json=back)
        assert (answer.status_code, answer.json()["code"]) in [(400, "sign-in-refused"), (422, "bad-identity")]
        assert "access_token" not in answer.text
