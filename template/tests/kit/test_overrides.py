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
    refusal = f"{dependency.__name__} cannot be .* set DB_HOST"
    with pytest.raises(TypeError, match=refusal):
        app.dependency_overrides[dependency] = other
    with pytest.raises(TypeError, match=refusal):
        app.dependency_overrides.update({dependency: other})
    assert app.dependency_overrides == {}


def test_another_override_is_taken() -> None:
    app = FastAPI()
    refuse_overrides(app, get_db)
    app.dependency_overrides[other] = other
    app.dependency_overrides.update({async_get_db: other})
    assert set(app.dependency_overrides) == {other, async_get_db}
