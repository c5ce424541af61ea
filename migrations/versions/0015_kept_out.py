"""How wide the administrator administers who keeps an officer out: nobody narrower lets them in again."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column("officer", sa.Column("kept_out_by", sa.SmallInteger(), nullable=True))
    op.execute(
        "ALTER TABLE officer ADD CONSTRAINT officer_kept_out_by_check CHECK (kept_out_by BETWEEN 1 AND 3) NOT VALID"
    )
    op.execute(  # a city's officers are few
        "-- squawk-ignore constraint-missing-not-valid\nALTER TABLE officer VALIDATE CONSTRAINT officer_kept_out_by_check"
    )
