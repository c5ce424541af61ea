"""Delegations and their history, businesses, and who filed or rated a ticket in another's name."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "business",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("code_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("code_index", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_version", sa.Text(), nullable=False),
        sa.Column("as_of", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("status IN ('active', 'closed')", name=op.f("business_status_check")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("business_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("business_pkey")),
        sa.UniqueConstraint("code_index", name=op.f("business_code_index_key")),
    )
    op.create_table(
        "delegation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("delegate_id", sa.Uuid(), nullable=True),
        sa.Column("granted_by", sa.Uuid(), nullable=True),
        sa.Column("scopes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("invited_index", sa.LargeBinary(), nullable=True),
        sa.Column("invited_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("begins_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("ends_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("invited_until", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("ended_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("end_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_version", sa.Text(), server_default="", nullable=False),
        sa.Column("as_of", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("recheck_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (state IN ('pending', 'active'))", name=op.f("delegation_ended_check")
        ),
        sa.CheckConstraint("kind IN ('guardian', 'carer', 'business')", name=op.f("delegation_kind_check")),
        sa.CheckConstraint(
            "role IN ('mother', 'father', 'guardian', 'carer', 'legal-representative', 'authorised', 'appointed')",
            name=op.f("delegation_role_check"),
        ),
        sa.CheckConstraint(
            "state <> 'active' OR (delegate_id IS NOT NULL AND begins_at IS NOT NULL)",
            name=op.f("delegation_active_check"),
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'active', 'declined', 'lapsed', 'revoked', 'ended')",
            name=op.f("delegation_state_check"),
        ),
        sa.CheckConstraint("delegate_id <> account_id", name=op.f("delegation_oneself_check")),
        sa.CheckConstraint(
            "delegate_id IS NOT NULL OR invited_index IS NOT NULL", name=op.f("delegation_delegate_check")
        ),
        sa.CheckConstraint("ends_at > begins_at", name=op.f("delegation_ends_check")),
        sa.CheckConstraint("jsonb_array_length(scopes) > 0", name=op.f("delegation_scopes_check")),
        sa.CheckConstraint("level BETWEEN 0 AND 2", name=op.f("delegation_level_check")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("delegation_account_id_fkey")),
        sa.ForeignKeyConstraint(["delegate_id"], ["account.id"], name=op.f("delegation_delegate_id_fkey")),
        sa.ForeignKeyConstraint(["granted_by"], ["account.id"], name=op.f("delegation_granted_by_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("delegation_pkey")),
    )
    op.create_index(op.f("delegation_account_id_id_idx"), "delegation", ["account_id", "id"], unique=False)
    op.create_index(
        "delegation_active_idx",
        "delegation",
        ["delegate_id", "account_id", "kind"],
        unique=True,
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_index(op.f("delegation_delegate_id_id_idx"), "delegation", ["delegate_id", "id"], unique=False)
    op.create_index(op.f("delegation_granted_by_id_idx"), "delegation", ["granted_by", "id"], unique=False)
    op.create_index(
        "delegation_lapsed_idx",
        "delegation",
        ["invited_until"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "delegation_over_idx", "delegation", ["ends_at"], unique=False, postgresql_where=sa.text("state = 'active'")
    )
    op.create_index(
        "delegation_pending_idx",
        "delegation",
        ["invited_index", "account_id", "kind"],
        unique=True,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "delegation_recheck_idx",
        "delegation",
        ["recheck_at"],
        unique=False,
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_table(
        "delegation_event",
        sa.Column("delegation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("by_id", sa.Uuid(), nullable=True),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["delegation_id"], ["delegation.id"], name=op.f("delegation_event_delegation_id_fkey")),
        sa.PrimaryKeyConstraint("delegation_id", "id", name=op.f("delegation_event_pkey")),
    )
    op.add_column("ticket_event", sa.Column("delegate_id", sa.Uuid(), nullable=True))
    op.execute("REVOKE UPDATE, DELETE ON delegation_event FROM khue_app")
