"""prove it"""

import sqlalchemy as sa
from alembic import op

import core.tables.row
from core import care_index

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mention_versions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mention_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("until", core.tables.row.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["mention_id"], ["mentions.id"], name=op.f("fk_mention_versions_mention_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mention_versions")),
    )
    with op.batch_alter_table("mention_versions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_mention_versions_mention_id"), ["mention_id"], unique=False)
    with op.batch_alter_table("canaries", schema=None) as batch_op:
        batch_op.add_column(sa.Column("native_id", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("remove_at", core.tables.row.UtcDateTime(timezone=True), nullable=True))
    with op.batch_alter_table("sources", schema=None) as batch_op:
        batch_op.add_column(sa.Column("longest", sa.Integer(), nullable=True))

    op.create_table(
        "care_changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("brand_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_care_changes")),
    )
    with op.batch_alter_table("care_changes", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_care_changes_brand_id_care_changes_day"), ["brand_id", "day"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_care_changes_day"), ["day"], unique=False)
    op.create_table(
        "care_days",
        sa.Column("brand_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("cases", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_care_days_brand_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("brand_id", "day", "platform", name=op.f("pk_care_days")),
    )
    op.create_table(
        "own_answers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("native_id", sa.Text(), nullable=False),
        sa.Column("reply_to", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("created_at", core.tables.row.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_own_answers")),
        sa.UniqueConstraint("platform", "native_id", name=op.f("uq_own_answers_platform_native_id")),
    )
    with op.batch_alter_table("own_answers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_own_answers_created_at"), ["created_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_own_answers_platform_own_answers_reply_to"), ["platform", "reply_to"], unique=False
        )
    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.drop_index("ix_cases_care")
        batch_op.create_index(batch_op.f("ix_cases_brand_id_cases_opened_at"), ["brand_id", "opened_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_cases_kind_cases_state_cases_due_at"), ["kind", "state", "due_at"], unique=False
        )
    with op.batch_alter_table("relevances", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_relevances_about_us_relevances_score"), ["about_us", "score"], unique=False
        )
    for statement in care_index.make(op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    with op.batch_alter_table("relevances", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_relevances_about_us_relevances_score"))
    op.drop_table("own_answers")
    for statement in care_index.unmake(op.get_bind().dialect.name):
        op.execute(statement)
    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cases_kind_cases_state_cases_due_at"))
        batch_op.drop_index(batch_op.f("ix_cases_brand_id_cases_opened_at"))
        batch_op.create_index(
            "ix_cases_care",
            [
                "brand_id",
                "opened_at",
                "state",
                "kind",
                "platform",
                "followers",
                "first_reply_at",
                "resolved_at",
                "due_at",
                "outcome",
            ],
            unique=False,
        )
    op.drop_table("care_days")
    with op.batch_alter_table("care_changes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_care_changes_day"))
        batch_op.drop_index(batch_op.f("ix_care_changes_brand_id_care_changes_day"))

    op.drop_table("care_changes")
    with op.batch_alter_table("sources", schema=None) as batch_op:
        batch_op.drop_column("longest")
    with op.batch_alter_table("canaries", schema=None) as batch_op:
        batch_op.drop_column("remove_at")
        batch_op.drop_column("native_id")

    with op.batch_alter_table("mention_versions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_mention_versions_mention_id"))

    op.drop_table("mention_versions")
