"""prove it"""

import sqlalchemy as sa
from alembic import op

import core.tables.row

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
    with op.batch_alter_table("sources", schema=None) as batch_op:
        batch_op.add_column(sa.Column("longest", sa.Integer(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("sources", schema=None) as batch_op:
        batch_op.drop_column("longest")

    with op.batch_alter_table("mention_versions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_mention_versions_mention_id"))

    op.drop_table("mention_versions")
