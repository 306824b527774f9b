from scripts.updating.checks import unmerged
from scripts.updating.journal import half_done


def test_no_update_of_the_template_is_left_half_merged() -> None:
    assert half_done() is None
    assert unmerged() == []
