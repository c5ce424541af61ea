"""The eID asked again and heard: signals, what a sign-in asked for, whose session at the provider opened ours."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

INDEXES = {
    "session_upstream_idx": "session (upstream)",
    "session_used_idx": "session (rotated_at) WHERE audience = 'citizen' AND ended_at IS NULL",
}


def upgrade() -> None:
    with op.get_context().autocommit_block():  # residents go on signing in meanwhile; broken off, it begins anew
        op.execute("ALTER TABLE session ADD COLUMN IF NOT EXISTS upstream text")
        for name, on in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {on}")
    op.create_table(
        "signal",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("jti", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("until", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "jti", name=op.f("signal_pkey")),
    )
    op.add_column("account", sa.Column("eid_asked_at", sa.TIMESTAMP(timezone=True), nullable=True))
    op.add_column("sign_in", sa.Column("acr", sa.Text(), server_default="", nullable=False))
    op.add_column("sign_in", sa.Column("max_age_s", sa.Integer(), nullable=True))
    op.add_column("phone_code", sa.Column("purpose", sa.Text(), server_default="sign-in", nullable=False))
    op.execute(  # the codes of the last minutes: they are looked at in no time
        "-- squawk-ignore constraint-missing-not-valid\nALTER TABLE phone_code ADD CONSTRAINT phone_code_purpose_check"
        " CHECK (purpose IN ('sign-in', 'proof'))"
    )
