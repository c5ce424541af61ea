"""The signals that were taken, so that one sent again changes nothing."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base


class Signal(Base):
    __tablename__ = "signal"

    issuer: Mapped[str] = mapped_column(primary_key=True)
    jti: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    account_id: Mapped[UUID | None]
    """Whom it was about, if we know them."""
    at: Mapped[datetime]
    until: Mapped[datetime]
    """From then on its own time is over, and it would be refused for that."""
