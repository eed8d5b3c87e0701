"""Write docs/components.md from what the built-in components say of themselves, and what
docs/surface.py writes.

python docs/generate.py
"""

from __future__ import annotations

import html
import json
import runpy
from pathlib import Path

from hdf.registry.kinds import KINDS
from hdf.registry.options import Option, Options, description, meanings
from hdf.registry.registry import Component, discover

DISTRIBUTION = "heart-detection-framework"
PAGE = Path(__file__).with_name("components.md")
COMMAND = "python docs/generate.py"
INTRODUCTION = f"""\
# The built-in components

What a recipe may write behind `use`, and the options beside it. `hdf list-plugins NAME` shows the
same for every component that is installed, a plugin's included.

This page is generated from the components' own documentation: `{COMMAND}`.
"""


def page() -> str:
    """The whole page."""
    found = [item for item in discover().components if item.plugin.distribution == DISTRIBUTION]
    parts = [INTRODUCTION]
    for kind in KINDS:
        parts.append(f"## {kind.title()}s\n")
        parts += [_component(item) for item in found if item.kind == kind]
    return "\n".join(parts)


def _component(component: Component) -> str:
    target = component.load()
    options = Options(target, component.kind).describe()
    known = meanings(target)
    rows = [_row(option, known.get(option.name, "")) for option in options]
    head = "| option | type | default | meaning |\n|---|---|---|---|\n"
    table = head + "\n".join(rows) if rows else "No options."
    text = _markdown(description(target))
    return f"### `{component.name}`\n\n*{component.summary}.*\n\n{text}\n\n{table}\n"


def _row(option: Option, meaning: str) -> str:
    default = "required" if option.required else _code(json.dumps(option.default))
    cells = [_code(option.name), _code(option.type), default, _markdown(meaning)]
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _code(text: str) -> str:
    """Between backticks some readers of tables show the backslash of an escaped bar."""
    return f"<code>{html.escape(text)}</code>" if "|" in text else f"`{text}`"


def _markdown(text: str) -> str:
    return text.replace("``", "`")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    runpy.run_path(str(PAGE.with_name("surface.py")), run_name="__main__")
