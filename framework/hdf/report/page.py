"""A page for people: one HTML file that needs no other file and no network."""

from __future__ import annotations

from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from hdf import __version__
from hdf.errors import user_error
from hdf.files.atomic import write_text


def is_page(path: Path, made_by: str) -> bool:
    """Whether a file was made by `write_page` for this command."""
    with path.open("rb") as file:
        return f'content="{made_by}"'.encode() in file.read(1000)


def write_page(
    path: Path, template: str, made_by: str, package: str = "hdf.report", **values: object
) -> None:
    """Write a page, whole or not at all.

    Args:
        template: its name; it extends ``base.html``.
        made_by: a command, such as ``hdf audit``, that marks the page as its own.
        package: the one whose ``templates`` hold it.
        values: of the template's variables; text is escaped.

    Raises:
        UserError: it can't be written.
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in (package, "hdf.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template(template).render(made_by=made_by, version=__version__, **values)
    try:
        write_text(path, text.encode("utf-8", "replace").decode())  # file names need not be UTF-8
    except OSError as error:
        raise user_error(f"can't be written: {error.strerror or error}", str(path)) from error
