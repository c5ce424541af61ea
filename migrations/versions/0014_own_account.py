"""Offers to merge two accounts, codes for one's own phone, the history of sign-ins."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0007"

INDEX = "audit_entry_sign_in_idx"
SIGN_INS = "action IN ('signed-in', 'proved-again')"


def upgrade() -> None:
    with (
        op.get_context().autocommit_block()
    ):  # the trail is long, and is written to all the time; first, so that it may be redone
        op.drop_index(INDEX, "audit_entry", postgresql_concurrently=True, if_exists=True)
        op.create_index(
            INDEX,
            "audit_entry",
            ["account_id", "id"],
            unique=False,
            postgresql_where=sa.text(SIGN_INS),
            postgresql_concurrently=True,
        )
    op.create_table(
        "merge_offer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("survivor_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("proved_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("account_id <> survivor_id", name=op.f("merge_offer_two_check")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("merge_offer_account_id_fkey")),
        sa.ForeignKeyConstraint(["survivor_id"], ["account.id"], name=op.f("merge_offer_survivor_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("merge_offer_pkey")),
        sa.UniqueConstraint("account_id", name=op.f("merge_offer_account_id_key")),
    )
    op.create_index(op.f("merge_offer_expires_at_idx"), "merge_offer", ["expires_at"], unique=False)
    op.add_column("phone_code", sa.Column("purpose", sa.Text(), server_default="sign-in", nullable=False))
    op.add_column("phone_code", sa.Column("account_id", sa.Uuid(), nullable=True))
    op.execute(
        "ALTER TABLE phone_code ADD CONSTRAINT phone_code_purpose_check "
        "CHECK (purpose IN ('sign-in', 'confirm', 'changed')) NOT VALID"
    )
    op.execute(  # rows live for minutes, so they are few
        "-- squawk-ignore constraint-missing-not-valid\nALTER TABLE phone_code VALIDATE CONSTRAINT phone_code_purpose_check"
    )
