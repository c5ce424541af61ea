"""Passkeys, what they are asked to sign, and since when those of an account are void."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "passkey_challenge",
        sa.Column("challenge_hash", sa.LargeBinary(), nullable=False),
        sa.Column("ceremony", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(account_id IS NULL) = (ceremony = 'sign-in')", name=op.f("passkey_challenge_account_check")
        ),
        sa.CheckConstraint(
            "ceremony IN ('registration', 'sign-in', 'proof')", name=op.f("passkey_challenge_ceremony_check")
        ),
        sa.CheckConstraint("(account_id IS NULL) = (session_id IS NULL)", name=op.f("passkey_challenge_session_check")),
        sa.PrimaryKeyConstraint("challenge_hash", name=op.f("passkey_challenge_pkey")),
    )
    op.create_index(op.f("passkey_challenge_created_at_idx"), "passkey_challenge", ["created_at"], unique=False)
    op.create_table(
        "passkey",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("user_handle", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("transports", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("synced", sa.Boolean(), nullable=False),
        sa.Column("backed_up", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("disabled_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("level BETWEEN 0 AND 2", name=op.f("passkey_level_check")),
        sa.CheckConstraint("sign_count >= 0", name=op.f("passkey_sign_count_check")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("passkey_account_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("passkey_pkey")),
        sa.UniqueConstraint("credential_id", name=op.f("passkey_credential_id_key")),
    )
    op.create_index(op.f("passkey_account_id_idx"), "passkey", ["account_id"], unique=False)
    op.add_column("account", sa.Column("reset_at", sa.TIMESTAMP(timezone=True), nullable=True))
