"""Tickets, their history and pictures."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "category",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("parent_code", sa.Text(), nullable=True),
        sa.Column("name_vi", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("keywords", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('hien_truong', 'tthc', 'lang_phi', 'truyen_thong', 'sang_kien')", name=op.f("category_kind_check")
        ),
        sa.CheckConstraint("severity IN ('urgent', 'normal', 'complex')", name=op.f("category_severity_check")),
        sa.ForeignKeyConstraint(["parent_code"], ["category.code"], name=op.f("category_parent_code_fkey")),
        sa.PrimaryKeyConstraint("code", name=op.f("category_pkey")),
    )
    op.create_table(
        "deadline_rule",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("amount", sa.SmallInteger(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "unit IN ('working_hours', 'working_days', 'calendar_days')", name=op.f("deadline_rule_unit_check")
        ),
        sa.CheckConstraint("amount > 0", name=op.f("deadline_rule_amount_check")),
        sa.PrimaryKeyConstraint("code", name=op.f("deadline_rule_pkey")),
    )
    op.create_table(
        "photo",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("taken_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("taken_lat", sa.Double(), nullable=True),
        sa.Column("taken_lon", sa.Double(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("photo_pkey")),
    )
    op.create_index(op.f("photo_owner_id_idx"), "photo", ["owner_id"], unique=False)
    op.create_index(op.f("photo_sha256_idx"), "photo", ["sha256"], unique=False)
    op.create_table(
        "reject_reason",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name_vi", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("reject_reason_pkey")),
    )
    op.create_table(
        "ticket",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("citizen_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("category_code", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("lon", sa.Double(), nullable=True),
        sa.Column("area_code", sa.Text(), nullable=True),
        sa.Column("area_approximate", sa.Boolean(), nullable=False),
        sa.Column("department_code", sa.Text(), nullable=False),
        sa.Column("routed_by", sa.Text(), nullable=False),
        sa.Column("deadline_rule_code", sa.Text(), nullable=False),
        sa.Column("filed_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("clock_from", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("due_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("answered_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("reject_code", sa.Text(), nullable=True),
        sa.Column("attention", sa.Text(), nullable=True),
        sa.Column("rating", sa.Text(), nullable=True),
        sa.Column("rating_comment", sa.Text(), nullable=True),
        sa.Column("rated_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("attention IN ('near', 'overdue')", name=op.f("ticket_attention_check")),
        sa.CheckConstraint(
            "kind IN ('hien_truong', 'tthc', 'lang_phi', 'truyen_thong', 'sang_kien')", name=op.f("ticket_kind_check")
        ),
        sa.CheckConstraint("severity IN ('urgent', 'normal', 'complex')", name=op.f("ticket_severity_check")),
        sa.CheckConstraint("status <> 'rejected' OR reject_code IS NOT NULL", name=op.f("ticket_reject_check")),
        sa.CheckConstraint(
            "status IN ('filed', 'accepted', 'in_progress', 'answered', 'rejected', 'rated')",
            name=op.f("ticket_status_check"),
        ),
        sa.CheckConstraint("(lat IS NULL) = (lon IS NULL)", name=op.f("ticket_place_check")),
        sa.CheckConstraint("(rating IS NULL) = (rated_at IS NULL)", name=op.f("ticket_rating_check")),
        sa.ForeignKeyConstraint(["area_code"], ["area.code"], name=op.f("ticket_area_code_fkey")),
        sa.ForeignKeyConstraint(["category_code"], ["category.code"], name=op.f("ticket_category_code_fkey")),
        sa.ForeignKeyConstraint(["citizen_id"], ["account.id"], name=op.f("ticket_citizen_id_fkey")),
        sa.ForeignKeyConstraint(
            ["deadline_rule_code"], ["deadline_rule.code"], name=op.f("ticket_deadline_rule_code_fkey")
        ),
        sa.ForeignKeyConstraint(["department_code"], ["department.code"], name=op.f("ticket_department_code_fkey")),
        sa.ForeignKeyConstraint(["reject_code"], ["reject_reason.code"], name=op.f("ticket_reject_code_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("ticket_pkey")),
        sa.UniqueConstraint("code", name=op.f("ticket_code_key")),
    )
    op.create_index(op.f("ticket_citizen_id_id_idx"), "ticket", ["citizen_id", "id"], unique=False)
    op.create_index(op.f("ticket_department_code_id_idx"), "ticket", ["department_code", "id"], unique=False)
    op.create_index(
        "ticket_inbox_idx",
        "ticket",
        ["department_code", "due_at", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('filed', 'accepted', 'in_progress')"),
    )
    op.create_index(
        "ticket_open_idx",
        "ticket",
        ["due_at", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('filed', 'accepted', 'in_progress')"),
    )
    op.create_table(
        "ticket_event",
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("officer_id", sa.Uuid(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name=op.f("ticket_event_officer_id_fkey")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("ticket_event_ticket_id_fkey")),
        sa.PrimaryKeyConstraint("ticket_id", "id", name=op.f("ticket_event_pkey")),
    )
    op.create_table(
        "ticket_photo",
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("photo_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.CheckConstraint("role IN ('filed', 'proof')", name=op.f("ticket_photo_role_check")),
        sa.ForeignKeyConstraint(["photo_id"], ["photo.id"], name=op.f("ticket_photo_photo_id_fkey")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("ticket_photo_ticket_id_fkey")),
        sa.PrimaryKeyConstraint("ticket_id", "photo_id", name=op.f("ticket_photo_pkey")),
        sa.UniqueConstraint("photo_id", name=op.f("ticket_photo_photo_id_key")),
    )
    op.execute("REVOKE UPDATE, DELETE ON ticket_event, ticket_photo FROM khue_app")
