"""full-text indexes for search over everything"""

from alembic import op

from core import text_index

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in text_index.make(op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    for statement in text_index.unmake(op.get_bind().dialect.name):
        op.execute(statement)
