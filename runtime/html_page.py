"""Fill the templates of HTML pages, which share a head and a palette (page_head.html)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path


def fill_page(template: Path, values: Mapping[str, str]) -> str:
    """Return a template with each {{name}} replaced; `values` are HTML already, and have a title."""
    head = Path(__file__).with_name("page_head.html").read_text(encoding="utf-8")
    page = template.read_text(encoding="utf-8").replace("{{head}}", head)
    return re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], page)
