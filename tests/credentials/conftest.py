"""What the tests of credentials share."""

import pytest

from app.core.settings import Settings
from tests.credentials.authenticator import Authenticator


@pytest.fixture
def key(settings: Settings) -> Authenticator:
    """A phone's authenticator, in the city's own app."""
    return Authenticator(settings.passkeys.origins[0])
