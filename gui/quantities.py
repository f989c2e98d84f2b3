"""Say times, sizes and speeds in words."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication


def duration(seconds: float) -> str:
    """Return 0:07, 12:05 or 1:02:03; of more than a day, 3 days."""
    whole = max(0, round(seconds))
    if whole >= 86_400:
        return long_time(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, seconds_left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds_left:02}" if hours else f"{minutes}:{seconds_left:02}"


def long_time(seconds: float) -> str:
    """Return 5 minutes, 3 hours or 4 days."""
    minutes = max(1, round(seconds / 60))
    if minutes < 90:
        return QCoreApplication.translate("quantities", "%n minute(s)", "", minutes)
    if minutes < 48 * 60:
        return QCoreApplication.translate("quantities", "%n hour(s)", "", round(minutes / 60))
    return QCoreApplication.translate("quantities", "%n day(s)", "", round(minutes / 1440))


def size_in_words(size_wh: tuple[int, int] | None, seconds: float | None) -> str:
    """Return 1920×1080, for a film with its length."""
    if size_wh is None:
        return ""
    pixels = f"{size_wh[0]}×{size_wh[1]}"
    return f"{pixels}, {duration(seconds)}" if seconds is not None else pixels


def folder_in_words(folder: Path) -> str:
    """Return ~/Pictures for a folder in the user's home, another's whole path."""
    home = Path.home()
    return str(Path("~") / folder.relative_to(home)) if folder.is_relative_to(home) else str(folder)


def bytes_in_words(count: int) -> str:
    """Return 7.8 MB or 120 kB."""
    if count >= 1_000_000_000:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"


def speed_in_words(megapixels_per_second: float | None) -> str:
    """Return how long a picture of 2 megapixels takes here, or its frames a second."""
    if not megapixels_per_second:
        return ""
    seconds = 2 / megapixels_per_second
    if seconds > 1:
        return QCoreApplication.translate("quantities", "{seconds} s a picture").format(seconds=f"{seconds:.1f}")
    return QCoreApplication.translate("quantities", "{count} pictures a second").format(count=f"{1 / seconds:.1f}")
