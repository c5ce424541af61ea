"""The sealed trail: days, leaves, what waits to be sealed, and the words a resident reads."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS account_merged_into_idx")
        op.execute(
            "CREATE INDEX CONCURRENTLY account_merged_into_idx ON account (merged_into) WHERE merged_into IS NOT NULL"
        )
    op.create_table(
        "trail_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("first", sa.Uuid(), nullable=True),
        sa.Column("last", sa.Uuid(), nullable=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("jws", sa.Text(), nullable=False),
        sa.Column("blocks", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(first IS NULL) = (count = 0) AND (last IS NULL) = (count = 0)", name=op.f("trail_day_ends_check")
        ),
        sa.PrimaryKeyConstraint("day", name=op.f("trail_day_pkey")),
    )
    op.create_table(
        "trail_leaf",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("day", "position", name=op.f("trail_leaf_pkey")),
        sa.UniqueConstraint("entry_id", name=op.f("trail_leaf_entry_id_key")),
    )
    op.create_table(
        "trail_pending",
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("trail_pending_pkey")),
    )
    op.create_table(
        "trail_word",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("text_vi", sa.Text(), nullable=False),
        sa.Column("text_en", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('action', 'subject')", name=op.f("trail_word_kind_check")),
        sa.PrimaryKeyConstraint("kind", "code", name=op.f("trail_word_pkey")),
    )
    op.execute("REVOKE UPDATE, DELETE ON trail_day, trail_leaf FROM khue_app")
    op.execute("REVOKE UPDATE ON trail_pending FROM khue_app")
    op.execute(
        """
        CREATE FUNCTION trail_pend() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO trail_pending (entry_id) SELECT id FROM added ON CONFLICT DO NOTHING;
            RETURN NULL;
        END $$
        """
    )
    op.execute(  # what is there already is taken in by the first sealing, so that this holds nobody up
        "CREATE TRIGGER trail_pend AFTER INSERT ON audit_entry REFERENCING NEW TABLE AS added "
        "FOR EACH STATEMENT EXECUTE FUNCTION trail_pend()"
    )
    op.execute(  # a table of some ten rows
        "-- squawk-ignore constraint-missing-not-valid\n"
        "ALTER TABLE signing_key ADD CONSTRAINT signing_key_kept_check "
        "CHECK (purpose <> 'trail' OR verifies_until IS NULL)"
    )
