"""What 0006 declared of accounts holds for those of before as well; looked at without holding up anybody."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    for name in ("merged_into_fkey", "state_check", "kind_check"):
        op.execute(f"ALTER TABLE account VALIDATE CONSTRAINT account_{name}")
