import pytest

from tests.conformance import differences
from tests.conftest import DOCUMENTED
from tests.serving import serving
from tests.users.factories import user_data

PATHS = [path for path in DOCUMENTED if path.startswith("/api/v1/items")]


@pytest.mark.slow
def test_items_are_what_the_openapi_document_says() -> None:
    with serving(environment={}) as client:
        # Something to be found and changed: no generated owner_id would be a user's.
        owner = client.post("/api/v1/users", json=user_data()).json()["id"]
        client.post("/api/v1/items", json={"owner_id": owner, "title": "A lamp"})
        found = differences(client, *PATHS)
        assert not found, found
