"""Accounts, phone codes, devices."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("phone_index", sa.LargeBinary(), nullable=True),
        sa.Column("eid_issuer", sa.Text(), nullable=True),
        sa.Column("eid_subject", sa.Text(), nullable=True),
        sa.Column("number_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("number_index", sa.LargeBinary(), nullable=True),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("language IN ('vi', 'en')", name=op.f("account_language_check")),
        sa.CheckConstraint("(number_sealed IS NULL) = (number_index IS NULL)", name=op.f("account_number_check")),
        sa.CheckConstraint("(phone_sealed IS NULL) = (phone_index IS NULL)", name=op.f("account_phone_check")),
        sa.CheckConstraint("level BETWEEN 0 AND 2", name=op.f("account_level_check")),
        sa.CheckConstraint("phone_index IS NOT NULL OR eid_subject IS NOT NULL", name=op.f("account_reachable_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("account_pkey")),
        sa.UniqueConstraint("eid_issuer", "eid_subject", name=op.f("account_eid_issuer_eid_subject_key")),
        sa.UniqueConstraint("number_index", name=op.f("account_number_index_key")),
        sa.UniqueConstraint("phone_index", name=op.f("account_phone_index_key")),
    )
    op.create_table(
        "phone_code",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phone_index", sa.LargeBinary(), nullable=False),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("code_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("code_index", sa.LargeBinary(), nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("used_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("phone_code_pkey")),
    )
    op.create_index(op.f("phone_code_phone_index_idx"), "phone_code", ["phone_index"], unique=False)
    op.create_table(
        "device",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('token', 'fid')", name=op.f("device_kind_check")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("device_account_id_fkey")),
        sa.ForeignKeyConstraint(["session_id"], ["session.id"], name=op.f("device_session_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("device_pkey")),
        sa.UniqueConstraint("value", name=op.f("device_value_key")),
    )
    op.create_index(op.f("device_account_id_idx"), "device", ["account_id"], unique=False)
    op.create_index(op.f("device_session_id_idx"), "device", ["session_id"], unique=False)
