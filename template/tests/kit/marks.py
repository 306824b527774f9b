import pytest

from app.settings import settings

unpooled = pytest.mark.skipif(
    settings.db_pooler, reason="PostgreSQL lets in a pooler, which shares what it opens"
)
