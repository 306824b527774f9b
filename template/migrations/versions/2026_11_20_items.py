"""items"""

import sqlalchemy as sa
from alembic import op

from app.kit.db.dialect import NOW, Timestamp

revision = "8e0b6d3c41f7"
down_revision = "5c1e7a9f20d4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "items",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("description", sa.String(length=2000), nullable=False),
        sa.Column(
            "created_at",
            Timestamp(),
            server_default=NOW,
            nullable=False,
        ),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_items_owner_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_items")),
    )
    op.create_index(op.f("ix_items_owner_id_id"), "items", ["owner_id", "id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_items_owner_id_id"), table_name="items")
    op.drop_table("items")
