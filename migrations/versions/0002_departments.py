"""Areas, units, officers, working time."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "area",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("search_key", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.CheckConstraint("kind IN ('phuong', 'xa')", name=op.f("area_kind_check")),
        sa.PrimaryKeyConstraint("code", name=op.f("area_pkey")),
    )
    op.create_index(
        "area_search_idx",
        "area",
        ["search_key"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"search_key": "gin_trgm_ops"},
    )
    op.create_table(
        "officer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("officer_pkey")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("officer_issuer_subject_key")),
    )
    op.create_table(
        "role",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name_vi", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("role_pkey")),
    )
    op.create_table(
        "special_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("working", sa.Boolean(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("special_day_pkey")),
    )
    op.create_table(
        "working_hours",
        sa.Column("weekday", sa.SmallInteger(), nullable=False),
        sa.Column("starts", sa.Time(), nullable=False),
        sa.Column("ends", sa.Time(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Text(), nullable=False),
        sa.CheckConstraint("starts < ends", name=op.f("working_hours_order_check")),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name=op.f("working_hours_weekday_check")),
        sa.PrimaryKeyConstraint("weekday", "starts", name=op.f("working_hours_pkey")),
    )
    op.create_table(
        "area_point",
        sa.Column("area_code", sa.Text(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["area_code"], ["area.code"], name=op.f("area_point_area_code_fkey")),
        sa.PrimaryKeyConstraint("area_code", "lat", "lon", name=op.f("area_point_pkey")),
    )
    op.create_table(
        "department",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name_vi", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("short_name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("parent_code", sa.Text(), nullable=True),
        sa.Column("area_code", sa.Text(), nullable=True),
        sa.Column("hotline", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("successor_code", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["area_code"], ["area.code"], name=op.f("department_area_code_fkey")),
        sa.ForeignKeyConstraint(["parent_code"], ["department.code"], name=op.f("department_parent_code_fkey")),
        sa.ForeignKeyConstraint(["successor_code"], ["department.code"], name=op.f("department_successor_code_fkey")),
        sa.PrimaryKeyConstraint("code", name=op.f("department_pkey")),
    )
    op.create_table(
        "old_area",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("area_code", sa.Text(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("district", sa.Text(), nullable=False),
        sa.Column("is_split", sa.Boolean(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("search_key", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["area_code"], ["area.code"], name=op.f("old_area_area_code_fkey")),
        sa.PrimaryKeyConstraint("code", "area_code", name=op.f("old_area_pkey")),
    )
    op.create_index(
        "old_area_search_idx",
        "old_area",
        ["search_key"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"search_key": "gin_trgm_ops"},
    )
    op.create_table(
        "role_act",
        sa.Column("role_code", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["role_code"], ["role.code"], name=op.f("role_act_role_code_fkey")),
        sa.PrimaryKeyConstraint("role_code", "act", name=op.f("role_act_pkey")),
    )
    op.create_table(
        "officer_role",
        sa.Column("officer_id", sa.Uuid(), nullable=False),
        sa.Column("role_code", sa.Text(), nullable=False),
        sa.Column("department_code", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["department_code"], ["department.code"], name=op.f("officer_role_department_code_fkey")
        ),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name=op.f("officer_role_officer_id_fkey")),
        sa.ForeignKeyConstraint(["role_code"], ["role.code"], name=op.f("officer_role_role_code_fkey")),
        sa.PrimaryKeyConstraint("officer_id", "role_code", "department_code", name=op.f("officer_role_pkey")),
    )
