"""JSON and XML that somebody else wrote, read with a limit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hdf.errors import user_error
from hdf.files import read_text

MAX_BYTES = 200_000_000


def read_json(path: Path) -> Any:
    """JSON by RFC 8259, which has no NaN."""
    text = read_text(path, MAX_BYTES)
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        where = f"{path}:{error.lineno}"
        message = f"is no JSON from here on: {error.msg} (column {error.colno})"
        raise user_error(message, where) from error
    except RecursionError as error:
        raise user_error("is nested too deeply", where=str(path)) from error
    except ValueError as error:  # NaN, or a number of thousands of digits
        raise user_error(f"is no JSON: {error}", where=str(path)) from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON's")


def read_xml(path: Path, root: str) -> Element:
    """The root element of an XML file, called `root`; no entity is expanded.

    Raises:
        UserError: the file can't be read, is no XML, or begins with another element.
    """
    text = read_text(path, MAX_BYTES)
    try:
        found: Element = fromstring(text)
    except ParseError as error:
        raise user_error(f"is no XML from line {error.position[0]} on", str(path)) from error
    except (DefusedXmlException, ValueError) as error:
        message = "declares entities or another encoding, which is not read"
        raise user_error(message, str(path)) from error
    if found.tag != root:
        shown = ascii(found.tag)[1:-1][:40]
        raise user_error(f"begins with <{shown}>; expected <{root}>", str(path))
    return found
