"""The officer in charge of personal data."""

import pytest

from sandbox.phone import Officer
from tests.make import Make


@pytest.fixture
async def dpo(make: Make) -> Officer:
    """The officer in charge of personal data."""
    return await make.officer("TTPVHCC", acts=frozenset({"data-request.handle"}), role="data-protection")
