"""Who administers officers."""

import pytest

from sandbox.phone import Officer
from tests.make import EVERYWHERE, Make


@pytest.fixture
async def administrator(make: Make) -> Officer:
    """Of the whole city."""
    return await make.officer(EVERYWHERE, role="administrator")


@pytest.fixture
async def of_a_unit(make: Make) -> Officer:
    """Administrator of Sở Xây dựng."""
    return await make.officer("SO-XD", role="administrator")
