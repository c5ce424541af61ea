"""Who sent a ticket is behind a door of its own, with a reason."""

from collections.abc import Callable
from uuid import UUID

from app.core.house import House
from tests.desk.desk import REASON, entries, look
from tests.make import EVERYWHERE, Make


async def test_the_unit_opens_the_sender_to_call_back(
    make: Make, new_phone: Callable[[], str], house: House, worker: None
) -> None:
    phone, sender = new_phone(), make.resident()
    await sender.sign_in_by_phone(phone)
    account_id = (await sender.get("/v1/citizen/me"))["id"]
    ticket = await make.ticket(sender)
    officer = await make.officer("SO-XD")
    shown = await look(officer, f"/tickets/{ticket['id']}/sender")
    assert shown == {"account_id": account_id, "full_name": "", "phone": phone}
    (entry,) = await entries(house, officer)
    assert (entry["action"], entry["subject_id"]) == ("ticket.sender-opened", ticket["id"])
    assert (entry["account_id"], entry["reason"], entry["unit"]) == (UUID(account_id), REASON, "SO-XD")


async def test_the_ticket_itself_says_nothing_of_its_sender(make: Make) -> None:
    citizen, officer = await make.citizen(), await make.officer("SO-XD")
    ticket = await make.ticket(citizen)
    answers = [
        (await officer.call("GET", f"/v1/officer/tickets/{ticket['id']}{path}", status=200)).text
        for path in ("", "/events", "/deadline")
    ]
    answers.append((await officer.call("GET", "/v1/officer/tickets?limit=100", status=200)).text)
    for text in answers:
        assert str(citizen.id) not in text
        assert "Nguyễn Văn An" not in text


async def test_the_sender_of_another_units_ticket_is_not_there(make: Make, house: House) -> None:
    ticket = await make.ticket(await make.citizen())
    for officer in (await make.officer("HSDC"), await make.officer_with(("handler", None, "00004"))):
        assert (await look(officer, f"/tickets/{ticket['id']}/sender", 404))["code"] == "no-such-ticket"
        assert await entries(house, officer) == []


async def test_who_may_see_a_ticket_may_not_therefore_see_its_sender(make: Make, house: House) -> None:
    ticket = await make.ticket(await make.citizen())
    auditor = await make.officer(EVERYWHERE, role="auditor")
    both = await make.officer_with(("auditor", "SO-XD", None), ("handler", "HSDC", None))
    for officer in (auditor, both):
        problem = await look(officer, f"/tickets/{ticket['id']}/sender", 403)
        assert (problem["code"], problem["params"]["act"]) == ("not-allowed", "ticket.sender")
        assert await entries(house, officer) == []
