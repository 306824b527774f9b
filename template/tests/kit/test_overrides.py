"""An override that would have no effect is refused, in a sentence that says what to do."""

import pytest
from fastapi import FastAPI

from app.database import async_get_db, get_db
from app.kit.http.overrides import Dependency, refuse_overrides


def other() -> None: ...


@pytest.mark.parametrize("dependency", [get_db, async_get_db])
def test_an_override_of_a_session_is_refused(dependency: Dependency) -> None:
    app = FastAPI()
    refuse_overrides(app, get_db, async_get_db)
    for change in (
        lambda: app.dependency_overrides.__setitem__(dependency, other),
        lambda: app.dependency_overrides.update({dependency: other}),
    ):
        with pytest.raises(TypeError, match=f"{dependency.__name__} cannot be .* set DB_HOST"):
            change()
    assert app.dependency_overrides == {}


def test_another_override_is_taken() -> None:
    app = FastAPI()
    refuse_overrides(app, get_db)
    app.dependency_overrides[other] = other
    app.dependency_overrides.update({test_another_override_is_taken: other})
    assert set(app.dependency_overrides) == {other, test_another_override_is_taken}
