"""Keys of persons and of signing, states of accounts, what else the trail says."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"

STATES = "'active', 'suspended', 'blocked', 'reset-required', 'closing', 'closed'"
CHECKS = {
    "state": f"state IN ({STATES})",
    "kind": "kind IN ('person', 'business')",
}


def upgrade() -> None:
    op.create_table(
        "person_key",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("person_key_pkey")),
    )
    op.create_table(
        "signing_key",
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("private_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("public", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("retired_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("verifies_until", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'old') = (retired_at IS NOT NULL)", name=op.f("signing_key_retired_check")),
        sa.CheckConstraint("purpose IN ('access', 'trail')", name=op.f("signing_key_purpose_check")),
        sa.CheckConstraint("state IN ('next', 'current', 'old')", name=op.f("signing_key_state_check")),
        sa.PrimaryKeyConstraint("kid", name=op.f("signing_key_pkey")),
    )
    op.create_index(
        "signing_key_live_idx",
        "signing_key",
        ["purpose", "state"],
        unique=True,
        postgresql_where=sa.text("state IN ('next', 'current')"),
    )
    op.add_column("account", sa.Column("kind", sa.Text(), server_default="person", nullable=False))
    op.add_column("account", sa.Column("state", sa.Text(), server_default="active", nullable=False))
    op.add_column("account", sa.Column("state_reason", sa.Text(), server_default="", nullable=False))
    op.add_column("account", sa.Column("state_at", sa.TIMESTAMP(timezone=True), nullable=True))
    op.add_column("account", sa.Column("merged_into", sa.Uuid(), nullable=True))
    op.add_column("account", sa.Column("eid_refresh_sealed", sa.LargeBinary(), nullable=True))
    op.add_column("account", sa.Column("eid_checked_at", sa.TIMESTAMP(timezone=True), nullable=True))
    op.execute(  # a child that a guardian acts for has neither phone nor eID
        "-- squawk-ignore ban-drop-constraint\nALTER TABLE account DROP CONSTRAINT account_reachable_check"
    )
    op.execute(
        "ALTER TABLE account ADD CONSTRAINT account_merged_into_fkey FOREIGN KEY (merged_into) REFERENCES account NOT VALID"
    )
    for name, check in CHECKS.items():
        op.execute(f"ALTER TABLE account ADD CONSTRAINT account_{name}_check CHECK ({check}) NOT VALID")
    op.add_column("audit_entry", sa.Column("on_behalf_of", sa.Uuid(), nullable=True))
    for name in ("unit", "address", "request_id"):
        op.add_column("audit_entry", sa.Column(name, sa.Text(), server_default="", nullable=False))
    op.add_column(
        "audit_entry",
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
    )
    op.add_column(
        "revocation",
        sa.Column("before", sa.TIMESTAMP(timezone=True), server_default="9999-01-01 00:00:00+00", nullable=False),
    )
