"""Notes are kept.

Revision 0001, the first.
"""

import krepis.sql
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.String(length=1000), nullable=False),
        sa.Column("written_at", krepis.sql.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("notes_pk")),
    )


def downgrade() -> None:
    op.drop_table("notes")
