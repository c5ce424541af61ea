"""Offers to merge two accounts, codes for a new phone, the history of sign-ins."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

INDEX = "audit_entry_sign_in_idx"
SIGN_INS = "action IN ('signed-in', 'proved-again')"
RESEAL = """
CREATE FUNCTION data_request_note_reseal(request uuid, event uuid, sealed bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE data_request_event e SET note_sealed = sealed
    FROM data_request r JOIN account a ON a.id = r.account_id
    WHERE e.request_id = request AND e.id = event AND r.id = request
        AND e.note_sealed IS NOT NULL AND a.merged_into IS NOT NULL
$$
"""
# The one way for the application to touch that history: the same note under the key of the account that stays after a merge.


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
        sa.Column("upstream", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("account_id <> survivor_id", name=op.f("merge_offer_two_check")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("merge_offer_account_id_fkey")),
        sa.ForeignKeyConstraint(["survivor_id"], ["account.id"], name=op.f("merge_offer_survivor_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("merge_offer_pkey")),
        sa.UniqueConstraint("account_id", name=op.f("merge_offer_account_id_key")),
    )
    op.create_index(op.f("merge_offer_expires_at_idx"), "merge_offer", ["expires_at"], unique=False)
    op.add_column("account", sa.Column("former_number_index", sa.LargeBinary(), nullable=True))
    op.add_column("account", sa.Column("closing", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("phone_code", sa.Column("account_id", sa.Uuid(), nullable=True))
    op.execute(  # the new one allows more
        "-- squawk-ignore ban-drop-constraint\nALTER TABLE phone_code DROP CONSTRAINT phone_code_purpose_check"
    )
    op.execute(
        "ALTER TABLE phone_code ADD CONSTRAINT phone_code_purpose_check "
        "CHECK (purpose IN ('sign-in', 'proof', 'confirm', 'changed')) NOT VALID"
    )
    op.execute(  # rows live for minutes, so they are few
        "-- squawk-ignore constraint-missing-not-valid\nALTER TABLE phone_code VALIDATE CONSTRAINT phone_code_purpose_check"
    )
    op.execute(RESEAL)
    op.execute("REVOKE EXECUTE ON FUNCTION data_request_note_reseal(uuid, uuid, bytea) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION data_request_note_reseal(uuid, uuid, bytea) TO khue_app")
