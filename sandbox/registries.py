"""The population registry and the business registry, as HTTP services that answer one question each.

    POST /registries/population/guardianships
        {"guardian_number": "001…", "child_number": "001…", "child_birth_date": "2016-05-04"}
    → {"found": true, "relation": "mother" | "father" | "guardian", "version": 3, "as_of": "2026-11-25T08:00:00Z",
       "child": {"number": "001…", "full_name": "…", "birth_date": "2016-05-04"}}

    POST /registries/business/roles
        {"tax_code": "0100109106" | "0100109106-001" | "001083000001", "person_number": "001…"}
    → {"found": true, "role": "legal-representative" | "authorised", "version": 1, "as_of": "…",
       "business": {"tax_code": "…", "name": "…", "status": "active" | "closed"}}

What is not so, not known, or does not fit together is `{"found": false}`. Who asks says key and secret (HTTP Basic).

The rest is for trials and tests: to enter a birth or a business, to take a person's role away, to let the next answer lie.
"""

import base64
import html
import secrets
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from litestar import Request, Response, Router, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from sandbox import people
from sandbox.faults import faulty
from sandbox.pages import page, table

NAMES = ("population", "business")
ANOTHER = {"male": "father", "female": "mother"}


class AskGuardianship(Struct, frozen=True):
    guardian_number: str
    child_number: str
    child_birth_date: date


class AskRole(Struct, frozen=True):
    tax_code: str
    person_number: str


class Birth(Struct, frozen=True):
    """Guardians by the number of the resident (`resident-0002` is 2); the first gives the family name."""

    guardians: list[int]
    born: date
    order: int = 0


class Company(Struct, frozen=True):
    tax_code: str
    name: str
    people: dict[str, str]
    """Role by subject (`resident-0002`)."""
    status: str = "active"


class Loss(Struct, frozen=True):
    """A person is no more who they were for a child or a business."""

    person: str
    of: str
    """The child's personal number, or the tax code."""


class Registries:
    """What both know, and how it is kept in order."""

    def __init__(self, clients: Mapping[str, tuple[str, str]]) -> None:
        self._clients = clients
        self.children: dict[str, people.Resident] = {}
        self.companies: dict[str, Company] = {}
        self.roles: dict[tuple[str, str], str] = {}
        """By person and whom they stand for, both by number."""
        self.lies: dict[str, dict[str, Any]] = {}
        for birth in FAMILIES:
            self.enter_birth(birth)
        for company in COMPANIES:
            self.enter_company(company)

    def knows(self, request: Request[Any, Any, Any], name: str) -> bool:
        key, secret = self._clients[name]
        wanted = "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()
        return secrets.compare_digest(request.headers.get("authorization", ""), wanted)

    def enter_birth(self, birth: Birth) -> people.Resident:
        child = people.child(birth.guardians[0] * 10 + birth.order, birth.born)
        self.children[child.number] = child
        for number in birth.guardians:
            guardian = people.resident(number)
            self.roles[guardian.number, child.number] = ANOTHER[guardian.gender]
        return child

    def enter_company(self, company: Company) -> None:
        self.companies[company.tax_code] = company
        for subject, role in company.people.items():
            self.roles[people.resident(int(subject.removeprefix("resident-"))).number, company.tax_code] = role

    def said(self, name: str, answer: dict[str, Any]) -> dict[str, Any]:
        """With the lie that was asked for, once."""
        whole = answer | {"version": 1, "as_of": datetime.now(UTC).isoformat()} if answer["found"] else answer
        return whole | self.lies.pop(name, {})


def families(today: date) -> list[Birth]:
    """For trials: children of 3, 10 and 17 years, one about to be 18; the first two have both parents."""
    return [
        Birth([2, 33], date(today.year - 3, 1, 15)),
        Birth([2, 33], date(today.year - 10, 1, 20), 1),
        Birth([15], date(today.year - 17, 1, 1)),
        Birth([57], soon(today, 18)),
    ]


def soon(today: date, years: int) -> date:
    """Born so that they reach this age in ten days."""
    birthday = today + timedelta(days=10)
    return date(birthday.year - years, birthday.month, min(birthday.day, 28))


FAMILIES = families(datetime.now(UTC).date())
COMPANIES = (
    Company("0101234565", "Công ty TNHH Hoa Sữa", {"resident-0002": "legal-representative"}),
    Company("0101234565-001", "Chi nhánh Hoa Sữa Hà Đông", {"resident-0033": "authorised"}),
)

TheRegistries = NamedDependency[Registries]
TheRequest = Request[Any, Any, Any]


@post("/population/guardianships", status_code=200, middleware=[faulty("population")])
async def ask_guardianship(data: JSONBody[AskGuardianship], request: TheRequest, registries: TheRegistries) -> Any:
    """Whether one person is parent or guardian of a child."""
    if not registries.knows(request, "population"):
        return Response({"error": "invalid_client"}, status_code=401)
    child = registries.children.get(data.child_number)
    relation = registries.roles.get((data.guardian_number, data.child_number))
    if child is None or relation is None or child.birth_date != data.child_birth_date:
        return registries.said("population", {"found": False})
    shown = {"number": child.number, "full_name": child.full_name, "birth_date": child.birth_date.isoformat()}
    return registries.said("population", {"found": True, "relation": relation, "child": shown})


@post("/business/roles", status_code=200, middleware=[faulty("business")])
async def ask_role(data: JSONBody[AskRole], request: TheRequest, registries: TheRegistries) -> Any:
    """What a person may do for a business."""
    if not registries.knows(request, "business"):
        return Response({"error": "invalid_client"}, status_code=401)
    company = registries.companies.get(data.tax_code)
    role = registries.roles.get((data.person_number, data.tax_code))
    if company is None or role is None:
        return registries.said("business", {"found": False})
    shown = {"tax_code": company.tax_code, "name": company.name, "status": company.status}
    return registries.said("business", {"found": True, "role": role, "business": shown})


@post("/births")
async def enter_birth(data: JSONBody[Birth], registries: TheRegistries) -> people.Resident:
    """Enter a birth; the child, as the eID knows it."""
    return registries.enter_birth(data)


@post("/companies")
async def enter_company(data: JSONBody[Company], registries: TheRegistries) -> Company:
    """Enter a business, or what has changed about one."""
    registries.enter_company(data)
    return data


@post("/losses", status_code=204)
async def lose_role(data: JSONBody[Loss], registries: TheRegistries) -> None:
    """Take a person's role away."""
    registries.roles.pop((data.person, data.of), None)


@put("/lies/{name:str}", status_code=204)
async def lie(name: FromPath[str], data: JSONBody[dict[str, Any]], registries: TheRegistries) -> None:
    """Let the next answer of a registry say something else in these fields."""
    registries.lies[name] = data


@get("/")
async def show_registries(registries: TheRegistries) -> Response[str]:
    """Who can act for whom."""
    kept = [
        [html.escape(text) for text in (_name_of(person), role, *_shown(registries, of))]
        for (person, of), role in list(registries.roles.items())[:200]
    ]
    how = (
        "<p>Đăng nhập bằng định danh điện tử mức 2 với người ở cột đầu, rồi gọi "
        "<code>POST /v1/citizen/delegations/guardianships</code> với số định danh và ngày sinh của trẻ, hoặc "
        "<code>POST /v1/citizen/delegations/businesses</code> với mã số thuế. Sau đó thêm tiêu đề "
        "<code>X-On-Behalf-Of</code> là mã tài khoản của người được đại diện vào các yêu cầu về phản ánh và hộp thư.</p>"
    )
    return page("Hộ tịch và đăng ký doanh nghiệp", how + table(["Ai", "Là", "Của", "Số", "Ngày sinh"], kept))


def choices() -> dict[str, str]:
    """The people of the families and businesses above, for the page of the national eID."""
    adults = [people.resident(number) for number in (2, 15, 33, 57)]
    children = [people.child(one.guardians[0] * 10 + one.order, one.born) for one in FAMILIES]
    return {
        one.subject: f"{one.full_name}, sinh {one.birth_date:%d/%m/%Y} (gia đình thử)" for one in [*adults, *children]
    }


def _name_of(number: str) -> str:
    """A grown-up's name; their number ends with who they are."""
    one = people.resident(int(number[6:]))
    return f"{one.full_name} ({one.subject})"


def _shown(registries: Registries, of: str) -> tuple[str, str, str]:
    child = registries.children.get(of)
    if child is not None:
        return child.full_name, of, f"{child.birth_date:%d/%m/%Y}"
    return registries.companies[of].name, of, ""


router = Router(
    "/registries",
    route_handlers=[ask_guardianship, ask_role, enter_birth, enter_company, lose_role, lie, show_registries],
)
