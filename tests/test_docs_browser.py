import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, sync_playwright

from tests.conftest import Environments, Render
from tests.rendering import oldest_python
from tests.serving import serving

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# As root, and where /dev/shm is small: a container.
OPTIONS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]


def browser() -> str:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return found or pytest.skip(f"there is no browser on the PATH: none of {', '.join(NAMES)}")


def send_a_request(page: Page) -> str:
    """Try out GET /health/ready, and give back the status that the page shows."""
    operation = page.locator(".opblock", has_text="/health/ready")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    return operation.locator(".live-responses-table .response-col_status").last.inner_text()


def test_the_documentation_works_without_the_internet(
    project: Render, environment: Environments, tmp_path: Path
) -> None:
    executable = browser()
    elsewhere: list[str] = []
    with (
        serving(project(), environment(oldest_python()).variables()) as served,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=executable, args=OPTIONS) as chromium,
    ):
        own = f"http://127.0.0.1:{served.port}/"

        def let_through(route: Route) -> None:
            if route.request.url.startswith((own, "data:", "blob:")):
                route.continue_()
            else:
                elsewhere.append(route.request.url)
                route.abort()

        page = chromium.new_page()
        page.route("**/*", let_through)
        page.goto(f"{own}docs")
        status = send_a_request(page)
        page.screenshot(path=tmp_path / "docs.png", full_page=True)

    assert elsewhere == []
    assert status.startswith("200")
    assert (tmp_path / "docs.png").stat().st_size
