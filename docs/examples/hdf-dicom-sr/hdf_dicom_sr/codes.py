"""What the reports name, in the code systems of DICOM PS3.16."""

from __future__ import annotations

from pydicom.sr.coding import Code

PRIVATE = "99HDF"
"""Codes that begin with 99 are private (PS3.3, 8.2)."""

CHEST_RADIOGRAPHY = Code("399208008", "SCT", "Plain chest X-ray")
STRUCTURE = Code("123037004", "SCT", "Anatomical Structure")
HEART = Code("80891009", "SCT", "Heart")
LUNG = Code("39607008", "SCT", "Lung")
LEFT, RIGHT = Code("7771000", "SCT", "Left"), Code("24028007", "SCT", "Right")
COMMENT = Code("121106", "DCM", "Comment")
NO_UNITS = Code("1", "UCUM", "no units")

# Neither PS3.16 nor its context groups have a code for it.
CARDIOTHORACIC_RATIO = Code("CTR", PRIVATE, "Cardiothoracic ratio")

SITES: dict[str, tuple[Code, Code | None]] = {
    "heart": (HEART, None),
    "left_lung": (LUNG, LEFT),
    "right_lung": (LUNG, RIGHT),
}


def site_of(label: str) -> tuple[Code, Code | None]:
    """The structure and its side for one of hdf's labels; a private code for an unknown one."""
    return SITES.get(label, (Code(label[:16].upper(), PRIVATE, label[:64]), None))
