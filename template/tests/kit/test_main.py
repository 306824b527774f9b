import re

from fastapi import FastAPI
from httpx2 import AsyncClient


async def test_the_documentation_needs_no_other_host(client: AsyncClient) -> None:
    for page in ["/docs", "/redoc"]:
        html = (await client.get(page)).text
        assets = re.findall(r"""(?:src|href)=["']([^"']+)["']""", html)
        assert assets
        for asset in assets:
            assert asset.startswith("/")
            assert (await client.get(asset)).status_code == 200


def test_operations_are_named_after_their_endpoints(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    assert paths["/api/v1/users/{user_id}"]["get"]["operationId"] == "get_user"
