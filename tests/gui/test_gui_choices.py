"""The window offers what the command line does."""

from __future__ import annotations

from enum import StrEnum

import gui_window  # noqa: F401  # which opens nothing on the screen, and skips this file where Qt is missing
import pytest
from PySide6.QtWidgets import QApplication

from cgconv.gui.options_panel import OptionsPanel
from cgconv.runtime.choices import BackendName, Exists, FilmFormat, PictureFormat, PrecisionChoice, VideoCodec


@pytest.mark.parametrize(
    ("field", "choices"),
    [
        ("exists", Exists),
        ("picture_format", PictureFormat),
        ("film_format", FilmFormat),
        ("codec", VideoCodec),
        ("backend", BackendName),
        ("precision", PrecisionChoice),
    ],
)
def test_a_list_of_the_window_has_all_choices_and_no_others(
    qapp: QApplication, field: str, choices: type[StrEnum]
) -> None:
    panel = OptionsPanel()
    combo = getattr(panel, field)
    assert {combo.itemData(row) for row in range(combo.count())} == {str(choice) for choice in choices}
