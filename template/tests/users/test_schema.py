import pytest

from tests.conformance import differences
from tests.conftest import DOCUMENTED
from tests.serving import serving
from tests.users.factories import user_data

PATHS = [path for path in DOCUMENTED if path.startswith("/api/v1/users")]


@pytest.mark.slow
def test_users_are_what_the_openapi_document_says() -> None:
    with serving(environment={}) as client:
        # Something to be found and changed.
        client.post("/api/v1/users", json=user_data())
        found = differences(client, *PATHS)
        assert not found, found
