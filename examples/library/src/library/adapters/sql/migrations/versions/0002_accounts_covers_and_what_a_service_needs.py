"""Accounts, covers, notes, and what a service in production needs.

Revision 0002, after 0001.
"""

import krepis.sql
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("person", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("password", sa.String(length=512), nullable=False),
        sa.PrimaryKeyConstraint("person", name=op.f("accounts_pk")),
        sa.UniqueConstraint("email", name=op.f("accounts_email_key")),
    )
    op.create_table(
        "krepis_api_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("prefix", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("tenant", sa.String(length=255), nullable=True),
        sa.Column("roles", krepis.sql.Json(object), nullable=False),
        sa.Column("permissions", krepis.sql.Json(object), nullable=False),
        sa.Column("created_at", krepis.sql.Instant(), nullable=False),
        sa.Column("expires_at", krepis.sql.Instant(), nullable=True),
        sa.Column("used_at", krepis.sql.Instant(), nullable=True),
        sa.Column("revoked_at", krepis.sql.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("krepis_api_keys_pk")),
        sa.UniqueConstraint("prefix", name=op.f("krepis_api_keys_prefix_key")),
    )
    with op.batch_alter_table("krepis_api_keys", schema=None) as batch_op:
        batch_op.create_index("krepis_api_keys_expires_at", ["expires_at"], unique=False)
        batch_op.create_index("krepis_api_keys_owner", ["owner"], unique=False)
        batch_op.create_index("krepis_api_keys_revoked_at", ["revoked_at"], unique=False)

    op.create_table(
        "krepis_audit",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", krepis.sql.Instant(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("tenant", sa.Text(), nullable=True),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("krepis_audit_pk")),
    )
    op.create_table(
        "krepis_audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("krepis_audit_head_pk")),
    )
    op.create_table(
        "krepis_audit_pending",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", krepis.sql.Instant(), nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("krepis_audit_pending_pk")),
    )
    op.create_table(
        "krepis_dead_letters",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reaction", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("died_at", krepis.sql.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("position", "reaction", name=op.f("krepis_dead_letters_pk")),
    )
    op.create_table(
        "krepis_deliveries",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reaction", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("owner", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due", krepis.sql.Instant(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("position", "reaction", name=op.f("krepis_deliveries_pk")),
    )
    with op.batch_alter_table("krepis_deliveries", schema=None) as batch_op:
        batch_op.create_index("krepis_deliveries_reaction", ["reaction", "position"], unique=False)
        batch_op.create_index("krepis_deliveries_stream", ["stream", "position"], unique=False)

    op.create_table(
        "krepis_event_counter",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("krepis_event_counter_pk")),
    )
    op.create_table(
        "krepis_event_workers",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("beat", sa.BigInteger(), nullable=False),
        sa.Column("busy", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("krepis_event_workers_pk")),
    )
    op.create_table(
        "krepis_events",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("context", sa.LargeBinary(), nullable=False),
        sa.Column("reactions", krepis.sql.Json(object), nullable=False),
        sa.Column("at", krepis.sql.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("krepis_events_pk")),
    )
    with op.batch_alter_table("krepis_events", schema=None) as batch_op:
        batch_op.create_index("krepis_events_position", ["position"], unique=True)
        batch_op.create_index(
            "krepis_events_unnumbered",
            ["number"],
            unique=False,
            postgresql_where=sa.text("position IS NULL"),
            sqlite_where=sa.text("position IS NULL"),
        )

    op.create_table(
        "krepis_idempotency",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("at", krepis.sql.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("krepis_idempotency_pk")),
    )
    with op.batch_alter_table("krepis_idempotency", schema=None) as batch_op:
        batch_op.create_index("krepis_idempotency_at", ["at"], unique=False)

    op.create_table(
        "krepis_jobs",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("run", sa.Uuid(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=True),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("at", krepis.sql.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("krepis_jobs_pk")),
    )
    op.create_table(
        "krepis_login_throttle",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("closed_until", krepis.sql.Instant(), nullable=False),
        sa.Column("forget_at", krepis.sql.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("krepis_login_throttle_pk")),
    )
    with op.batch_alter_table("krepis_login_throttle", schema=None) as batch_op:
        batch_op.create_index("krepis_login_throttle_forget_at", ["forget_at"], unique=False)

    op.create_table(
        "krepis_loose_files",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("since", krepis.sql.Instant(), nullable=False),
        sa.Column("condemned", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("krepis_loose_files_pk")),
    )
    with op.batch_alter_table("krepis_loose_files", schema=None) as batch_op:
        batch_op.create_index("ix_krepis_loose_files_since", ["since"], unique=False)

    op.create_table(
        "krepis_schedules",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("slot", krepis.sql.Instant(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("wait_until", krepis.sql.Instant(), nullable=True),
        sa.Column("lease_owner", sa.Uuid(), nullable=True),
        sa.Column("lease_until", krepis.sql.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("krepis_schedules_pk")),
    )
    op.create_table(
        "krepis_sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("tenant", sa.String(length=255), nullable=True),
        sa.Column("roles", krepis.sql.Json(object), nullable=False),
        sa.Column("permissions", krepis.sql.Json(object), nullable=False),
        sa.Column("family", sa.String(length=64), nullable=False),
        sa.Column("refresh", sa.String(length=64), nullable=False),
        sa.Column("created_at", krepis.sql.Instant(), nullable=False),
        sa.Column("refreshed_at", krepis.sql.Instant(), nullable=False),
        sa.Column("expires_at", krepis.sql.Instant(), nullable=False),
        sa.Column("revoked_at", krepis.sql.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("krepis_sessions_pk")),
    )
    with op.batch_alter_table("krepis_sessions", schema=None) as batch_op:
        batch_op.create_index("krepis_sessions_expires_at", ["expires_at"], unique=False)
        batch_op.create_index("krepis_sessions_revoked_at", ["revoked_at"], unique=False)
        batch_op.create_index("krepis_sessions_subject", ["subject"], unique=False)

    op.create_table(
        "krepis_single_use_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("tenant", sa.String(length=255), nullable=True),
        sa.Column("payload", krepis.sql.Json(object), nullable=False),
        sa.Column("created_at", krepis.sql.Instant(), nullable=False),
        sa.Column("expires_at", krepis.sql.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("krepis_single_use_tokens_pk")),
        sa.UniqueConstraint("digest", name=op.f("krepis_single_use_tokens_digest_key")),
    )
    with op.batch_alter_table("krepis_single_use_tokens", schema=None) as batch_op:
        batch_op.create_index("krepis_single_use_tokens_expires_at", ["expires_at"], unique=False)
        batch_op.create_index("krepis_single_use_tokens_subject", ["subject", "purpose"], unique=False)

    op.create_table(
        "covers",
        sa.Column("isbn", sa.String(length=13), nullable=False),
        sa.Column("picture", krepis.sql.Json(object), nullable=False),
        sa.ForeignKeyConstraint(["isbn"], ["books.isbn"], name=op.f("covers_isbn_fk")),
        sa.PrimaryKeyConstraint("isbn", name=op.f("covers_pk")),
    )
    op.create_table(
        "notes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("branch", sa.String(length=63), nullable=False),
        sa.Column("text", sa.String(length=1000), nullable=False),
        sa.Column("written_by", sa.Uuid(), nullable=False),
        sa.Column("written_at", krepis.sql.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["written_by"], ["staff.id"], name=op.f("notes_written_by_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("notes_pk")),
    )
    with op.batch_alter_table("notes", schema=None) as batch_op:
        batch_op.create_index("notes_latest", ["branch", "written_at", "id"], unique=False)

    with op.batch_alter_table("staff", schema=None) as batch_op:
        batch_op.add_column(sa.Column("branch", sa.String(length=63), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("staff", schema=None) as batch_op:
        batch_op.drop_column("branch")

    with op.batch_alter_table("notes", schema=None) as batch_op:
        batch_op.drop_index("notes_latest")

    op.drop_table("notes")
    op.drop_table("covers")
    with op.batch_alter_table("krepis_single_use_tokens", schema=None) as batch_op:
        batch_op.drop_index("krepis_single_use_tokens_subject")
        batch_op.drop_index("krepis_single_use_tokens_expires_at")

    op.drop_table("krepis_single_use_tokens")
    with op.batch_alter_table("krepis_sessions", schema=None) as batch_op:
        batch_op.drop_index("krepis_sessions_subject")
        batch_op.drop_index("krepis_sessions_revoked_at")
        batch_op.drop_index("krepis_sessions_expires_at")

    op.drop_table("krepis_sessions")
    op.drop_table("krepis_schedules")
    with op.batch_alter_table("krepis_loose_files", schema=None) as batch_op:
        batch_op.drop_index("ix_krepis_loose_files_since")

    op.drop_table("krepis_loose_files")
    with op.batch_alter_table("krepis_login_throttle", schema=None) as batch_op:
        batch_op.drop_index("krepis_login_throttle_forget_at")

    op.drop_table("krepis_login_throttle")
    op.drop_table("krepis_jobs")
    with op.batch_alter_table("krepis_idempotency", schema=None) as batch_op:
        batch_op.drop_index("krepis_idempotency_at")

    op.drop_table("krepis_idempotency")
    with op.batch_alter_table("krepis_events", schema=None) as batch_op:
        batch_op.drop_index(
            "krepis_events_unnumbered",
            postgresql_where=sa.text("position IS NULL"),
            sqlite_where=sa.text("position IS NULL"),
        )
        batch_op.drop_index("krepis_events_position")

    op.drop_table("krepis_events")
    op.drop_table("krepis_event_workers")
    op.drop_table("krepis_event_counter")
    with op.batch_alter_table("krepis_deliveries", schema=None) as batch_op:
        batch_op.drop_index("krepis_deliveries_stream")
        batch_op.drop_index("krepis_deliveries_reaction")

    op.drop_table("krepis_deliveries")
    op.drop_table("krepis_dead_letters")
    op.drop_table("krepis_audit_pending")
    op.drop_table("krepis_audit_head")
    op.drop_table("krepis_audit")
    with op.batch_alter_table("krepis_api_keys", schema=None) as batch_op:
        batch_op.drop_index("krepis_api_keys_revoked_at")
        batch_op.drop_index("krepis_api_keys_owner")
        batch_op.drop_index("krepis_api_keys_expires_at")

    op.drop_table("krepis_api_keys")
    op.drop_table("accounts")
