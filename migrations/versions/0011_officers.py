"""Roles of officers by department, by area or for the whole city, each with its dates and who gave it; the officer's own unit.

What stood in `officer_role` is taken over; the table stays for processes of the release before. What the coordinator and the
auditor saw by `ticket.see-all` is `ticket.see` in the whole city now.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

INDEXES = {
    "audit_entry_officer_idx": "audit_entry (actor_id, id) WHERE actor_kind = 'officer'",
    "ticket_area_idx": "ticket (area_code, due_at, id) WHERE status IN ('filed', 'accepted', 'in_progress')",
}
"""On large tables: built beside the traffic, and from the start if a first try was interrupted."""

TAKE_OVER = """
INSERT INTO officer_grant (id, officer_id, role_code, department_code, starts_at, granted_at, reason)
SELECT gen_random_uuid(), held.officer_id, held.role_code, held.department_code, now(), now(), 'officer_role'
FROM (
    SELECT DISTINCT officer_id, role_code, CASE WHEN EXISTS (
        SELECT FROM role_act WHERE role_act.role_code = officer_role.role_code AND act = 'ticket.see-all'
    ) THEN NULL ELSE department_code END AS department_code
    FROM officer_role
) AS held
"""


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, what in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {what}")
    op.create_table(
        "officer_grant",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("officer_id", sa.Uuid(), nullable=False),
        sa.Column("role_code", sa.Text(), nullable=False),
        sa.Column("department_code", sa.Text(), nullable=True),
        sa.Column("area_code", sa.Text(), nullable=True),
        sa.Column("starts_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("until", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("granted_by", sa.Uuid(), nullable=True),
        sa.Column("granted_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.CheckConstraint("(ended_at IS NULL) = (end_reason IS NULL)", name=op.f("officer_grant_ended_check")),
        sa.CheckConstraint("department_code IS NULL OR area_code IS NULL", name=op.f("officer_grant_place_check")),
        sa.CheckConstraint("until > starts_at", name=op.f("officer_grant_period_check")),
        sa.ForeignKeyConstraint(["area_code"], ["area.code"], name=op.f("officer_grant_area_code_fkey")),
        sa.ForeignKeyConstraint(
            ["department_code"], ["department.code"], name=op.f("officer_grant_department_code_fkey")
        ),
        sa.ForeignKeyConstraint(["ended_by"], ["officer.id"], name=op.f("officer_grant_ended_by_fkey")),
        sa.ForeignKeyConstraint(["granted_by"], ["officer.id"], name=op.f("officer_grant_granted_by_fkey")),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name=op.f("officer_grant_officer_id_fkey")),
        sa.ForeignKeyConstraint(["role_code"], ["role.code"], name=op.f("officer_grant_role_code_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("officer_grant_pkey")),
    )
    op.create_index("officer_grant_officer_id_idx", "officer_grant", ["officer_id"], unique=False)
    op.create_index(
        "officer_grant_live_idx",
        "officer_grant",
        ["officer_id", "role_code", "department_code", "area_code"],
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.execute("REVOKE UPDATE, DELETE ON officer_grant FROM khue_app")
    op.execute("GRANT UPDATE (ended_at, ended_by, end_reason) ON officer_grant TO khue_app")
    op.execute(TAKE_OVER)
    op.execute(
        "INSERT INTO role_act (role_code, act) SELECT DISTINCT role_code, 'ticket.see' FROM role_act"
        " WHERE act LIKE 'ticket.%' ON CONFLICT DO NOTHING"
    )
    op.add_column("officer", sa.Column("department_code", sa.Text(), nullable=True))
    op.execute(
        "ALTER TABLE officer ADD CONSTRAINT officer_department_code_fkey"
        " FOREIGN KEY (department_code) REFERENCES department NOT VALID"
    )
    op.execute(
        "UPDATE officer SET department_code ="
        " (SELECT min(department_code) FROM officer_role WHERE officer_id = officer.id)"
    )
    op.execute(  # so few officers that it is done at once
        "-- squawk-ignore require-concurrent-index-creation\n"
        "CREATE INDEX officer_department_code_idx ON officer (department_code)"
    )
    op.execute(
        "-- squawk-ignore constraint-missing-not-valid\n"
        "ALTER TABLE officer VALIDATE CONSTRAINT officer_department_code_fkey"
    )
