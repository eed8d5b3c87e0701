"""What befalls files on failing disks and on the way."""

from __future__ import annotations

import numpy as np

Random = np.random.Generator


def truncated(content: bytes, rng: Random) -> bytes:
    """The end is missing."""
    return content[: rng.integers(len(content))]


def flipped(content: bytes, rng: Random) -> bytes:
    """A few bits anywhere are others."""
    return _flipped(content, rng, 0, len(content), 20)


def flipped_once(content: bytes, rng: Random) -> bytes:
    """A single bit is another."""
    return _flipped(content, rng, 0, len(content), 2)


def flipped_head(content: bytes, rng: Random) -> bytes:
    """Bits near the start, where sizes and names are, are others."""
    return _flipped(content, rng, 0, min(2000, len(content)), 6)


def _flipped(content: bytes, rng: Random, start: int, end: int, most: int) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.integers(1, most)):
        changed[rng.integers(start, end)] ^= 1 << rng.integers(8)
    return bytes(changed)


def blanked(content: bytes, rng: Random) -> bytes:
    """A block was never written."""
    start = int(rng.integers(len(content)))
    count = min(4096, len(content) - start)
    return content[:start] + bytes(count) + content[start + count :]


def lengthened(content: bytes, rng: Random) -> bytes:
    """Something was put in between."""
    start = int(rng.integers(len(content)))
    return content[:start] + rng.bytes(int(rng.integers(1, 500))) + content[start:]


def foreign(content: bytes, rng: Random) -> bytes:
    """Another file altogether."""
    others = (b"", b"PK\x03\x04", b"\x80\x04.", b"{}", b"[" * 100_000, b"\xff" * 9, bytes(5000))
    return others[rng.integers(len(others))]


DAMAGES = (truncated, flipped_once, flipped, flipped_head, blanked, lengthened, foreign)
