"""Find colors that fit the desktop's palette, light or dark, and can be read on it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer

READABLE = 4.5  # contrast of text, WCAG 2.2 AA


def is_dark(palette: QPalette) -> bool:
    """Say whether light text stands on a dark ground."""
    return palette.color(QPalette.ColorRole.Window).lightness() < 128


def plain(dark: bool) -> QPalette:
    """Return a dark or light palette, for desktops that cannot be asked for one."""
    text, window, base, button = (
        ("#f2f2f2", "#2b2b2b", "#1f1f1f", "#3a3a3a") if dark else ("#000000", "#efefef", "#ffffff", "#efefef")
    )
    made = QPalette(QColor(button), QColor(window))
    roles = QPalette.ColorRole
    for role, color in (
        (roles.WindowText, text), (roles.Text, text), (roles.ButtonText, text), (roles.ToolTipText, text),
        (roles.BrightText, text), (roles.Base, base), (roles.ToolTipBase, window), (roles.Highlight, "#2a6fa8"),
        (roles.HighlightedText, "#ffffff"), (roles.Link, "#8ab8ff" if dark else "#1a5fb4"),
    ):  # fmt: skip
        made.setColor(role, QColor(color))
    made.setColor(roles.AlternateBase, _mixed(QColor(text), QColor(base), 0.06))
    made.setColor(roles.PlaceholderText, _mixed(QColor(text), QColor(base), 0.62))
    for role in (roles.WindowText, roles.Text, roles.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, role, _mixed(QColor(text), QColor(window), 0.45))
    return made


def curve_colors(palette: QPalette) -> list[str]:
    """Return colors for curves that can be told from the ground and from each other."""
    if is_dark(palette):
        return ["#6cb6ff", "#ff9e64", "#7bd88f", "#d2a8ff", "#ffd866", "#66d9d9", "#ff8fa3", "#c0c0c0"]
    return ["#1f6fb2", "#b2431f", "#2b7a2b", "#7a3fa0", "#806000", "#00706f", "#b02050", "#555555"]


def secondary(palette: QPalette) -> QColor:
    """Return a color for what is said beside: fainter than text, over 4.5 : 1 on the palette's grounds."""
    text, ground = palette.color(QPalette.ColorRole.Text), palette.color(QPalette.ColorRole.Base)
    return _mixed(text, ground, 0.72)


def good(palette: QPalette) -> QColor:
    """Return a green for what is done."""
    return QColor("#7bd88f") if is_dark(palette) else QColor("#1d6b2f")


def bad(palette: QPalette) -> QColor:
    """Return a red for what has failed."""
    return QColor("#ff9a8f") if is_dark(palette) else QColor("#a8201a")


def accent(palette: QPalette) -> QColor:
    """Return a blue for what is switched on."""
    return QColor("#8ab8ff") if is_dark(palette) else QColor("#1a5fb4")


def contrast(one: QColor, other: QColor) -> float:
    """Return how well one color can be read on another, 1 to 21 (WCAG 2.2, relative luminance)."""

    def luminance(color: QColor) -> float:
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
                  for part in (color.redF(), color.greenF(), color.blueF())]  # fmt: skip
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def readable(palette: QPalette) -> QPalette:
    """Return a palette of one color: the ground of a selection, darker or lighter until its text can be read on it."""
    made = QPalette()  # says nothing of other colors: they follow the desktop
    for group in (QPalette.ColorGroup.Active, QPalette.ColorGroup.Inactive):
        ground = palette.color(group, QPalette.ColorRole.Highlight)
        text = palette.color(group, QPalette.ColorRole.HighlightedText)
        for _ in range(20):
            if contrast(ground, text) >= READABLE:
                break
            ground = ground.darker(108) if text.lightness() > 128 else ground.lighter(108)
        made.setColor(group, QPalette.ColorRole.Highlight, ground)
    return made


def outlined(palette: QPalette) -> QPalette:
    """Return a palette whose boxes to check have an outline of over 3 : 1, in Qt's own style: 1.4 times darker than it.

    In a light window that is so anyhow, and what is light already may not get lighter.
    """
    made = QPalette()
    if is_dark(palette):
        made.setColor(QPalette.ColorRole.Window, QColor("#d0d0d0"))
    else:
        made.setColor(QPalette.ColorRole.Window, QColor("#a8a8a8"))
    return made


def _mixed(one: QColor, other: QColor, share: float) -> QColor:
    parts = zip(one.getRgb()[:3], other.getRgb()[:3], strict=True)  # type: ignore[index]
    return QColor(*(round(a * share + b * (1 - share)) for a, b in parts))


_SHAPES = {
    "convert": '<rect x="3" y="4" width="18" height="16" rx="2"/><path d="M12 4v16M3 15l4-4 5 5M15 9h3"/>',
    "train": '<path d="M3 20h18M4 17c3 0 3-6 6-6s3 3 5 3 3-9 6-9"/>',
    "models": '<rect x="3" y="3" width="7" height="7"/><rect x="14" y="3" width="7" height="7"/>'
    '<rect x="3" y="14" width="7" height="7"/><rect x="14" y="14" width="7" height="7"/>',
    "settings": '<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/><circle cx="15" cy="7" r="2"/><circle cx="9" cy="17" r="2"/>',
    "log": '<path d="M5 5h14M5 10h14M5 15h9M5 20h6"/>',
    "add": '<path d="M12 5v14M5 12h14"/>',
    "folder": '<path d="M3 6h6l2 2h10v11H3z"/>',
    "remove": '<path d="M5 12h14"/>',
    "up": '<path d="M12 19V5M6 11l6-6 6 6"/>',
    "down": '<path d="M12 5v14M6 13l6 6 6-6"/>',
    "start": '<path d="M7 5l12 7-12 7z"/>',
    "pause": '<path d="M8 5v14M16 5v14"/>',
    "stop": '<rect x="6" y="6" width="12" height="12"/>',
    "clear": '<path d="M3 13l5 5L19 7M15 18h6"/>',
    "divider": '<rect x="3" y="5" width="18" height="14" rx="1"/><path d="M12 3v18M9 10l-2 2 2 2M15 10l2 2-2 2"/>',
    "beside": '<rect x="3" y="6" width="8" height="12" rx="1"/><rect x="13" y="6" width="8" height="12" rx="1"/>',
    "original": '<path d="M2 12c3-5 6-7 10-7s7 2 10 7c-3 5-6 7-10 7s-7-2-10-7z"/><circle cx="12" cy="12" r="3"/>',
    "full screen": '<path d="M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5"/>',
    "undo": '<path d="M8 5L4 9l4 4M4 9h10a5 5 0 0 1 0 10h-4"/>',
    "failed": '<path d="M12 4l9 16H3zM12 10v5M12 17v1"/>',
    "table": '<rect x="3" y="4" width="18" height="16" rx="1"/><path d="M3 9h18M3 14h18M10 9v11"/>',
    "begin": '<path d="M9 4H5v16h4M11 12h8M15 8l-4 4 4 4"/>',
    "end": '<path d="M15 4h4v16h-4M5 12h8M9 8l4 4-4 4"/>',
    "whole": '<path d="M3 12h18M7 8l-4 4 4 4M17 8l4 4-4 4"/>',
    "own": '<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/><circle cx="15" cy="7" r="2"/><circle cx="9" cy="17" r="2"/>',
}


def icon(name: str, palette: QPalette) -> QIcon:
    """Return a line drawing in the text's color, and in blue while its button is switched on."""
    made = QIcon()
    active, roles = QPalette.ColorGroup.Active, QPalette.ColorRole
    drawings = (
        (QIcon.Mode.Normal, QIcon.State.Off, palette.color(active, roles.ButtonText)),
        (QIcon.Mode.Normal, QIcon.State.On, accent(palette)),
        (QIcon.Mode.Disabled, QIcon.State.Off, palette.color(QPalette.ColorGroup.Disabled, roles.ButtonText)),
        (QIcon.Mode.Selected, QIcon.State.Off, palette.color(active, roles.HighlightedText)),
    )
    for mode, state, color in drawings:
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="{color.name()}" '
            f'stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round">{_SHAPES[name]}</svg>'
        )
        for edge in (16, 24, 32, 48):
            pixmap = QPixmap(QSize(edge, edge))
            pixmap.fill(Qt.GlobalColor.transparent)
            painter = QPainter(pixmap)
            QSvgRenderer(svg.encode()).render(painter)
            painter.end()
            made.addPixmap(pixmap, mode, state)
    return made
