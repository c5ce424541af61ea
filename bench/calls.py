"""The requests as bytes, with real tokens: many residents, many tickets, many places."""

import random
from uuid import UUID

import msgspec

from app.core.auth import claims_of
from app.core.principals import Citizen, Grant, Officer, Where
from app.core.tokens import Keys
from bench.city import CITIZENS, TICKETS, City, citizen_id, ticket_id
from bench.load import KEY
from seeds import load

TOKEN_S = 6 * 3600
DIFFERENT = 4000
"""Requests in the round; they come again after that."""

WORDS = "Trên phố Hàng Bông xuất hiện ổ gà lớn sâu khoảng 20 cm ngay làn xe máy, buổi tối rất dễ ngã. Đề nghị vá sớm."


class Calls:
    """Makes them, always the same ones."""

    def __init__(self, keys: Keys, city: City, signs: list[bytes]) -> None:
        self._keys = keys
        self.city = city
        self._signs = signs
        self._dice = random.Random(2026)
        self._citizens = [self._citizen(number) for number in range(CITIZENS)]
        units = sorted(set(city.departments))
        self._officers = {unit: self._officer(citizen_id(at), unit) for at, unit in enumerate(units)}

    def hello(self) -> list[bytes]:
        return [get("/", "")]

    def checked(self) -> list[bytes]:
        return [get("/v1/citizen/nothing", token) for token in self._citizens]

    def me(self) -> list[bytes]:
        return [get("/v1/citizen/me", token) for token in self._citizens]

    def sign_ins(self) -> list[bytes]:
        return [_post("/v1/public/sessions", "", body) for body in self._signs]

    def own_tickets(self) -> list[bytes]:
        """Each resident asks for tickets of their own."""
        return [
            get(f"/v1/citizen/tickets/{ticket_id(n)}", self._citizens[n % CITIZENS])
            for n in self._dice.sample(range(TICKETS), DIFFERENT)
        ]

    def unit_tickets(self) -> list[bytes]:
        """Officers ask for tickets of their unit."""
        return [
            get(f"/v1/officer/tickets/{ticket_id(n)}", self._officers[self.city.departments[n]])
            for n in self._dice.sample(range(TICKETS), DIFFERENT)
        ]

    def inboxes(self) -> list[bytes]:
        return [get("/v1/officer/tickets?limit=50", self._officers[unit]) for unit in self.city.inboxes]

    def filings(self) -> list[bytes]:
        """All categories, places all over the city; half of the residents confirmed the ward, half let it be found."""
        points = load.read("area_points")
        return [self._filing(number, self._dice.choice(points)) for number in range(DIFFERENT)]

    def _filing(self, number: int, point: dict[str, str]) -> bytes:
        place = {"lat": float(point["lat"]), "lon": float(point["lon"])}
        body = msgspec.json.encode(
            {
                "category_code": self._dice.choice(self.city.categories),
                "description": WORDS,
                "place": place | ({"area_code": point["area_code"]} if number % 2 else {}),
                "address": f"{number} phố Hàng Bông",
            }
        )
        return _post("/v1/citizen/tickets", self._citizens[number % CITIZENS], body)

    def _citizen(self, number: int) -> str:
        who = Citizen(UUID(citizen_id(number)), UUID(citizen_id(number)), 2)
        return self._keys.issue(claims_of(who), "citizen", TOKEN_S)

    def _officer(self, officer_id: str, unit: str) -> str:
        acts = frozenset({"ticket.see", "ticket.accept", "ticket.reject", "ticket.handle", "ticket.answer"})
        grant = Grant(acts, Where(departments=frozenset({unit})))
        who = Officer(UUID(officer_id), UUID(officer_id), unit, (grant,))
        return self._keys.issue(claims_of(who), "officer", TOKEN_S)


def get(path: str, token: str) -> bytes:
    return _head("GET", path, token) + b"\r\n"


def _post(path: str, token: str, body: bytes) -> bytes:
    kind = b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body)
    return _head("POST", path, token) + kind + b'idempotency-key: "' + KEY + b'"\r\n\r\n' + body


def _head(method: str, path: str, token: str) -> bytes:
    """As much as a phone would send."""
    bearer = f"authorization: Bearer {token}\r\n" if token else ""
    return f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: application/json\r\n{bearer}".encode()
