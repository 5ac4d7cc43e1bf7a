"""The library opens.

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
        "books",
        sa.Column("isbn", sa.String(length=13), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("published", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("search_text", sa.String(length=1300), nullable=False),
        sa.PrimaryKeyConstraint("isbn", name=op.f("books_pk")),
    )
    op.create_table(
        "members",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("joined_at", krepis.sql.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("members_pk")),
        sa.UniqueConstraint("email", name=op.f("members_email_key")),
    )
    op.create_table(
        "staff",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("staff_pk")),
    )
    op.create_table(
        "copies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("isbn", sa.String(length=13), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["isbn"], ["books.isbn"], name=op.f("copies_isbn_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("copies_pk")),
    )
    with op.batch_alter_table("copies", schema=None) as batch_op:
        batch_op.create_index("copies_isbn_status", ["isbn", "status"], unique=False)

    op.create_table(
        "loans",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("member", sa.Uuid(), nullable=False),
        sa.Column("copy", sa.Uuid(), nullable=False),
        sa.Column("lent_at", krepis.sql.Instant(), nullable=False),
        sa.Column("due_at", krepis.sql.Instant(), nullable=False),
        sa.Column("renewals", sa.Integer(), nullable=False),
        sa.Column("returned_at", krepis.sql.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["copy"], ["copies.id"], name=op.f("loans_copy_fk")),
        sa.ForeignKeyConstraint(["member"], ["members.id"], name=op.f("loans_member_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("loans_pk")),
    )
    with op.batch_alter_table("loans", schema=None) as batch_op:
        batch_op.create_index("loans_member", ["member", "lent_at", "id"], unique=False)
        batch_op.create_index(
            "loans_open_copy",
            ["copy"],
            unique=True,
            sqlite_where=sa.text("returned_at IS NULL"),
            postgresql_where=sa.text("returned_at IS NULL"),
        )
        batch_op.create_index(
            "loans_open_due",
            ["due_at", "id"],
            unique=False,
            sqlite_where=sa.text("returned_at IS NULL"),
            postgresql_where=sa.text("returned_at IS NULL"),
        )

    op.create_table(
        "reservations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("member", sa.Uuid(), nullable=False),
        sa.Column("isbn", sa.String(length=13), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("placed_at", krepis.sql.Instant(), nullable=False),
        sa.Column("copy", sa.Uuid(), nullable=True),
        sa.Column("pickup_until", krepis.sql.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["copy"], ["copies.id"], name=op.f("reservations_copy_fk")),
        sa.ForeignKeyConstraint(["isbn"], ["books.isbn"], name=op.f("reservations_isbn_fk")),
        sa.ForeignKeyConstraint(["member"], ["members.id"], name=op.f("reservations_member_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("reservations_pk")),
    )
    with op.batch_alter_table("reservations", schema=None) as batch_op:
        batch_op.create_index("reservations_member", ["member", "status"], unique=False)
        batch_op.create_index("reservations_queue", ["isbn", "status", "placed_at", "id"], unique=False)
        batch_op.create_index(
            "reservations_ready_copy",
            ["copy"],
            unique=True,
            sqlite_where=sa.text("status = 'ready'"),
            postgresql_where=sa.text("status = 'ready'"),
        )

    op.create_table(
        "fines",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("member", sa.Uuid(), nullable=False),
        sa.Column("loan", sa.Uuid(), nullable=False),
        sa.Column("amount", krepis.sql.Exact(2), nullable=False),
        sa.Column("paid", krepis.sql.Exact(2), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("raised_at", krepis.sql.Instant(), nullable=False),
        sa.Column("waived_by", sa.Uuid(), nullable=True),
        sa.Column("waived_because", sa.String(length=500), nullable=True),
        sa.CheckConstraint("paid <= amount", name=op.f("fines_paid_check")),
        sa.ForeignKeyConstraint(["loan"], ["loans.id"], name=op.f("fines_loan_fk")),
        sa.ForeignKeyConstraint(["member"], ["members.id"], name=op.f("fines_member_fk")),
        sa.ForeignKeyConstraint(["waived_by"], ["staff.id"], name=op.f("fines_waived_by_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("fines_pk")),
        sa.UniqueConstraint("loan", name=op.f("fines_loan_key")),
    )
    with op.batch_alter_table("fines", schema=None) as batch_op:
        batch_op.create_index("fines_member", ["member", "status"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("fines", schema=None) as batch_op:
        batch_op.drop_index("fines_member")

    op.drop_table("fines")
    with op.batch_alter_table("reservations", schema=None) as batch_op:
        batch_op.drop_index(
            "reservations_ready_copy",
            sqlite_where=sa.text("status = 'ready'"),
            postgresql_where=sa.text("status = 'ready'"),
        )
        batch_op.drop_index("reservations_queue")
        batch_op.drop_index("reservations_member")

    op.drop_table("reservations")
    with op.batch_alter_table("loans", schema=None) as batch_op:
        batch_op.drop_index(
            "loans_open_due",
            sqlite_where=sa.text("returned_at IS NULL"),
            postgresql_where=sa.text("returned_at IS NULL"),
        )
        batch_op.drop_index(
            "loans_open_copy",
            sqlite_where=sa.text("returned_at IS NULL"),
            postgresql_where=sa.text("returned_at IS NULL"),
        )
        batch_op.drop_index("loans_member")

    op.drop_table("loans")
    with op.batch_alter_table("copies", schema=None) as batch_op:
        batch_op.drop_index("copies_isbn_status")

    op.drop_table("copies")
    op.drop_table("staff")
    op.drop_table("members")
    op.drop_table("books")
