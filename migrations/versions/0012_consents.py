"""Purposes and consents, requests about one's own data, exports; what a closed account leaves in the history of tickets."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"


FORGET = """
CREATE FUNCTION ticket_history_forget(citizen uuid, known text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE ticket_event e SET note = CASE
        WHEN e.actor_kind = 'citizen' THEN ''
        WHEN known <> '' THEN regexp_replace(e.note, known, '[…]', 'gi')
        ELSE e.note END
    FROM ticket t JOIN account a ON a.id = t.citizen_id
    WHERE e.ticket_id = t.id AND t.citizen_id = citizen AND a.state = 'closed' AND e.note <> ''
$$
"""
# The one way for the application to touch that history: it takes a person out of it, once their account is closed.


def upgrade() -> None:
    op.create_table(
        "purpose",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("needs_recipient", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("purpose_pkey")),
    )
    op.create_table(
        "data_request",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("words_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("filed_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("answer_due_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("answered_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("first_due_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("due_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("next_due_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("extended_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("acts_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("ended_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("ground", sa.Text(), nullable=True),
        sa.Column("attention", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("(status = 'refused') = (ground IS NOT NULL)", name=op.f("data_request_refused_check")),
        sa.CheckConstraint("attention IN ('near', 'late')", name=op.f("data_request_attention_check")),
        sa.CheckConstraint(
            "ground IN ('law-requires', 'others-rights', 'security', 'under-investigation', 'no-such-data', 'unfounded')",
            name=op.f("data_request_ground_check"),
        ),
        sa.CheckConstraint(
            "kind IN ('see', 'correct', 'export', 'delete', 'object', 'restrict')", name=op.f("data_request_kind_check")
        ),
        sa.CheckConstraint(
            "status IN ('filed', 'acknowledged', 'completed', 'refused', 'cancelled')",
            name=op.f("data_request_status_check"),
        ),
        sa.CheckConstraint("(extended_at IS NULL) = (due_at = first_due_at)", name=op.f("data_request_extended_check")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("data_request_account_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("data_request_pkey")),
    )
    op.create_index(op.f("data_request_account_id_id_idx"), "data_request", ["account_id", "id"], unique=False)
    op.create_index(
        "data_request_one_idx",
        "data_request",
        ["account_id", "kind"],
        unique=True,
        postgresql_where=sa.text("status IN ('filed', 'acknowledged') AND kind IN ('delete', 'export')"),
    )
    op.create_index(
        "data_request_work_idx",
        "data_request",
        ["next_due_at", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('filed', 'acknowledged')"),
    )
    op.create_table(
        "purpose_version",
        sa.Column("purpose_code", sa.Text(), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("effective_from", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("widens", sa.Boolean(), nullable=False),
        sa.Column("data_classes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("lasts_days", sa.Integer(), nullable=True),
        sa.Column("title_vi", sa.Text(), nullable=False),
        sa.Column("title_en", sa.Text(), nullable=False),
        sa.Column("data_vi", sa.Text(), nullable=False),
        sa.Column("data_en", sa.Text(), nullable=False),
        sa.Column("why_vi", sa.Text(), nullable=False),
        sa.Column("why_en", sa.Text(), nullable=False),
        sa.Column("how_long_vi", sa.Text(), nullable=False),
        sa.Column("how_long_en", sa.Text(), nullable=False),
        sa.Column("recipients_vi", sa.Text(), nullable=False),
        sa.Column("recipients_en", sa.Text(), nullable=False),
        sa.CheckConstraint("jsonb_array_length(data_classes) > 0", name=op.f("purpose_version_data_check")),
        sa.CheckConstraint("lasts_days > 0", name=op.f("purpose_version_lasts_check")),
        sa.CheckConstraint("version > 0", name=op.f("purpose_version_version_check")),
        sa.ForeignKeyConstraint(["purpose_code"], ["purpose.code"], name=op.f("purpose_version_purpose_code_fkey")),
        sa.PrimaryKeyConstraint("purpose_code", "version", name=op.f("purpose_version_pkey")),
    )
    op.create_table(
        "consent",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("purpose_code", sa.Text(), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("shown_hash", sa.LargeBinary(), nullable=False),
        sa.Column("data_classes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("granted_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("language IN ('vi', 'en')", name=op.f("consent_language_check")),
        sa.CheckConstraint("expires_at > granted_at", name=op.f("consent_expiry_check")),
        sa.CheckConstraint("jsonb_array_length(data_classes) > 0", name=op.f("consent_data_check")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("consent_account_id_fkey")),
        sa.ForeignKeyConstraint(
            ["purpose_code", "version"],
            ["purpose_version.purpose_code", "purpose_version.version"],
            name=op.f("consent_purpose_code_version_fkey"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("consent_pkey")),
    )
    op.create_index(op.f("consent_account_id_id_idx"), "consent", ["account_id", "id"], unique=False)
    op.create_table(
        "data_export",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("key_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("data_export_account_id_fkey")),
        sa.ForeignKeyConstraint(["request_id"], ["data_request.id"], name=op.f("data_export_request_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("data_export_pkey")),
        sa.UniqueConstraint("request_id", name=op.f("data_export_request_id_key")),
    )
    op.create_index(op.f("data_export_account_id_idx"), "data_export", ["account_id"], unique=False)
    op.create_index(op.f("data_export_expires_at_idx"), "data_export", ["expires_at"], unique=False)
    op.create_table(
        "data_request_event",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("officer_id", sa.Uuid(), nullable=True),
        sa.Column("note_sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name=op.f("data_request_event_officer_id_fkey")),
        sa.ForeignKeyConstraint(["request_id"], ["data_request.id"], name=op.f("data_request_event_request_id_fkey")),
        sa.PrimaryKeyConstraint("request_id", "id", name=op.f("data_request_event_pkey")),
    )
    op.create_table(
        "consent_ending",
        sa.Column("consent_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("why IN ('withdrawn', 'replaced', 'account-closed')", name=op.f("consent_ending_why_check")),
        sa.ForeignKeyConstraint(["consent_id"], ["consent.id"], name=op.f("consent_ending_consent_id_fkey")),
        sa.PrimaryKeyConstraint("consent_id", name=op.f("consent_ending_pkey")),
    )
    op.add_column("template", sa.Column("purpose_code", sa.Text(), nullable=True))
    op.execute("REVOKE UPDATE, DELETE ON purpose_version, consent, consent_ending, data_request_event FROM khue_app")
    op.execute(FORGET)
    op.execute("REVOKE EXECUTE ON FUNCTION ticket_history_forget(uuid, text) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION ticket_history_forget(uuid, text) TO khue_app")
