from scripts.update import unmerged


def test_no_update_of_the_template_is_left_half_merged() -> None:
    assert unmerged() == []
