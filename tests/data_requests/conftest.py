"""The officer in charge of personal data."""

import pytest

from sandbox.phone import Officer
from tests.make import EVERYWHERE, Make


@pytest.fixture
async def dpo(make: Make) -> Officer:
    """The officer in charge of personal data."""
    return await make.officer(EVERYWHERE, role="data-protection")
