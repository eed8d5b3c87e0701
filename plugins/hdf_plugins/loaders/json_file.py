"""JSON that somebody else wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from hdf.errors import user_error

MAX_BYTES = 200_000_000


def read_json(path: Path) -> Any:
    """What a file of annotations holds.

    Raises:
        UserError: the file is missing, too large, no UTF-8 text or no JSON (RFC 8259).
    """
    if not path.is_file():
        raise user_error("there is no such file of annotations", where=str(path))
    if path.stat().st_size > MAX_BYTES:
        message = f"is larger than a file of boxes may be ({MAX_BYTES // 10**6} MB)"
        raise user_error(message, where=str(path))
    try:
        text = path.read_text(encoding="utf-8-sig")
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        where = f"{path}:{error.lineno}"
        message = f"is no JSON from here on: {error.msg} (column {error.colno})"
        raise user_error(message, where) from error
    except RecursionError as error:
        raise user_error("is nested too deeply", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise user_error(f"is not UTF-8 text ({error.reason})", where=str(path)) from error
    except OSError as error:
        raise user_error(f"can't be opened: {error.strerror}", where=str(path)) from error
    except ValueError as error:  # NaN, or a number of thousands of digits
        raise user_error(f"is no JSON: {error}", where=str(path)) from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON's")
