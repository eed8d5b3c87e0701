"""Keeping patients together without saying who they are."""

from __future__ import annotations

import os
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from hdf.errors import user_error

SALT_VARIABLE = "HDF_SALT"
SALT_BYTES = 32


def group_of(patient_id: str) -> str:
    """What stands for a patient in hdf: a keyed hash of the identifier.

    The key is the text in the environment variable ``HDF_SALT``, or else a random one that is made
    once for each user and that only the user can read: nobody else can hash all identifiers.

    Args:
        patient_id: as a table or a DICOM states it; blanks around it don't count.

    Returns:
        12 hexadecimal digits; empty for an empty identifier.

    Raises:
        UserError: the user's key can't be read or made.
    """
    name = patient_id.strip()
    if not name:
        return ""
    return blake2b(name.encode("utf-8", "surrogateescape"), key=_salt(), digest_size=6).hexdigest()


def secret_of(purpose: str) -> str:
    """32 hexadecimal digits for a purpose, which only the user's key gives; as `group_of`."""
    return blake2b(purpose.encode(), key=_salt(), digest_size=16, person=b"secret").hexdigest()


def _salt() -> bytes:
    stated = os.environ.get(SALT_VARIABLE, "")
    if stated:
        return blake2b(stated.encode(), digest_size=32).digest()
    base = os.environ.get("XDG_CONFIG_HOME", "")
    path = (Path(base) if base else Path.home() / ".config") / "hdf" / "salt"
    try:
        if not path.exists():
            _make(path)
        salt = path.read_bytes()[:SALT_BYTES]
    except OSError as error:
        message = f"the key that hides patients can't be kept there: {error.strerror}; set "
        raise user_error(f"{message}{SALT_VARIABLE} to a secret text", str(path)) from error
    if len(salt) < SALT_BYTES:
        message = "the key that hides patients is damaged; delete it, and a new one is made"
        raise user_error(message, str(path))
    return salt


def _make(path: Path) -> None:
    import secrets  # not above: this happens once, and most commands import this package

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".salt.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as f:
            f.write(secrets.token_bytes(SALT_BYTES))
            f.flush()
            os.fsync(f.fileno())
        with suppress(FileExistsError):  # the first of several processes wins
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
