"""Radiographs in DICOM: the pixels as a viewer shows them, and facts from the header."""

from __future__ import annotations

import logging
import math
import re
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hdf.errors import UnreadableError, user_error
from hdf.files.pseudonyms import group_of
from hdf.images.dicom_display import Pixels, display_values, palette_colours
from hdf.images.limits import LimitedFile, check_codestream
from hdf.types import ImageFacts

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.uid import UID

MAX_BYTES = 700_000_000
"""The largest file, and the largest content of a deflated one."""

MAX_READS = 100_000
"""The most calls of `read`: a radiograph has some hundred elements, which take a few each."""

HEADER = (
    *("Rows", "Columns", "SamplesPerPixel", "NumberOfFrames", "PhotometricInterpretation"),
    *("PatientID", "IssuerOfPatientID", "Modality", "BodyPartExamined"),
    *("ViewPosition", "ViewCodeSequence", "PatientPosition", "PatientOrientationCodeSequence"),
    *("PixelSpacing", "PixelSpacingCalibrationType", "ImagerPixelSpacing"),
)
SHADES = ("MONOCHROME1", "MONOCHROME2")
PALETTE = "PALETTE COLOR"
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
MAX_SPACING = 100.0  # mm

# What ViewPosition says, without punctuation, and codes of SNOMED CT and the older SNOMED RT (DICOM
# PS3.16, CID 4010 for views, CIDs 19 and 20 for the patient's orientation).
VIEWS = {
    "AP": ("AP", "ANTEROPOSTERIOR", "PORTABLE", "399348003", "R-10206"),
    "PA": ("PA", "POSTEROANTERIOR", "POSTERIOANTERIOR", "272479007", "R-10214", "R-40888"),
    "LL": ("LL", "LLAT", "399173006", "R-10236"),
    "RL": ("RL", "RLAT", "399198007", "R-10232"),
    "LATERAL": ("LATERAL", "LAT", "399067008", "R-102CD"),
}
VIEW_OF = {name: view for view, names in VIEWS.items() for name in names}
LYING_CODES = {
    *("102538003", "F-10450"),  # recumbent
    *("40199007", "F-10340"),  # supine
    *("1240000", "F-10310"),  # prone
    *("32185000", "102536004", "102535000", "F-10318", "F-10319", "F-10317"),  # on a side
}
LYING_POSITIONS = re.compile("(HF|FF)(S|P|DL|DR)")  # PS3.3, C.7.3.1.1.2


def is_dicom(path: Path) -> bool:
    """Whether a file begins as a DICOM and is no DICOMDIR, which holds no image."""
    if not path.is_file() or path.name == "DICOMDIR":  # reading a pipe would block
        return False
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def dicom_size(path: Path) -> tuple[int, int]:
    """(height, width), from the header alone.

    Raises:
        UnreadableError: it is no single image in grey or colour.
    """
    header = _read(path, pixels=False)
    kind = str(header.get("PhotometricInterpretation", ""))
    rows, columns = header.get("Rows"), header.get("Columns")
    if not isinstance(rows, int) or not isinstance(columns, int):
        raise UnreadableError("it holds no image: Rows and Columns are missing")
    if int(header.get("NumberOfFrames") or 1) != 1:
        raise UnreadableError(f"it holds {int(header.NumberOfFrames)} frames; a radiograph has one")
    samples = 3 if kind in COLOURS else 1
    if kind not in (*SHADES, PALETTE, *COLOURS) or header.get("SamplesPerPixel", 1) != samples:
        raise UnreadableError("its PhotometricInterpretation is neither grey nor a colour")
    return rows, columns


def dicom_pixels(path: Path) -> Pixels:
    """The image after modality LUT, VOI LUT or window, and inversion; see `display_values`.

    Raises:
        UnreadableError: the pixels are missing, damaged, or in a compression that can't be read.
    """
    from pydicom.pixels.utils import pixel_array

    dataset = _read(path)
    if "PixelData" not in dataset:
        raise UnreadableError("it holds no pixels")
    syntax = dataset.file_meta.TransferSyntaxUID
    if is_encoded := syntax.is_compressed and not syntax.is_deflated:
        check_codestream(dataset, syntax)
    try:
        pixels = np.asarray(pixel_array(dataset))
    except Exception as error:
        why = f"its pixels are damaged; they are in the transfer syntax {syntax.name}"
        raise UnreadableError(_why_undecoded(dataset, syntax) if is_encoded else why) from error
    if pixels.shape[:2] != (dataset.Rows, dataset.Columns):
        raise UnreadableError("its pixels have another size than Rows and Columns say")
    if dataset.PhotometricInterpretation == PALETTE:
        return palette_colours(pixels, dataset)
    with np.errstate(all="ignore"):  # the caller refuses values that are not finite
        return pixels if pixels.ndim == 3 else display_values(pixels, dataset)


def _why_undecoded(dataset: Dataset, syntax: UID) -> str:
    from pydicom.pixels.decoders.base import get_decoder

    try:
        decodes = get_decoder(syntax).is_available
    except NotImplementedError:  # a video, say
        decodes = False
    if not decodes:
        return f"there is no decoder for the transfer syntax {syntax.name}; see hdf doctor"
    return (
        f"its pixels, {dataset.get('BitsStored')} bits in the transfer syntax {syntax.name}, are "
        "damaged or of a variant that no decoder here reads; dcmdjpeg or gdcmconv --raw converts "
        "those"
    )


def dicom_facts(path: Path, *, patient: bool = True) -> ImageFacts:
    """Facts from the header; the patient as a salted hash, or not at all.

    ImagerPixelSpacing is measured at the detector; PixelSpacing is calibrated to the patient where
    PixelSpacingCalibrationType says so or where the two differ (DICOM PS3.3, 10.7.1.3).
    """
    header = _read(path, pixels=False)
    calibrated = _spacing(header, "PixelSpacing")
    detector = _spacing(header, "ImagerPixelSpacing")
    stated = str(header.get("PixelSpacingCalibrationType", "")).strip()
    differs = detector is not None and calibrated != detector
    plane: Literal["patient", "detector", "unknown", ""] = "unknown" if calibrated else ""
    if calibrated and (stated in ("GEOMETRY", "FIDUCIAL") or differs):
        plane = "patient"
    elif detector:
        plane = "detector"
    return ImageFacts(
        detector if plane == "detector" else calibrated,
        plane,
        _view(header),
        _group(header) if patient else "",
        _lies(header),
        _code_string(header, "Modality"),
        _code_string(header, "BodyPartExamined"),
    )


def _code_string(header: Dataset, name: str) -> str:
    """A value of DICOM's type CS (PS3.5, 6.2), in capitals; empty for anything else."""
    value = str(header.get(name) or "").strip().upper()
    return value if re.fullmatch(r"[A-Z0-9_ ]{1,16}", value) else ""


def _group(header: Dataset) -> str:
    patient = str(header.get("PatientID") or "").strip()
    issuer = str(header.get("IssuerOfPatientID") or "").strip()
    return group_of(f"{issuer}\n{patient}" if issuer else patient) if patient else ""


def _view(header: Dataset) -> str:
    """ViewPosition, which is free text in many files, or the view of ViewCodeSequence."""
    stated = str(header.get("ViewPosition") or "").strip()
    if not stated:
        return next((VIEW_OF[code] for code in _codes(header, "View") if code in VIEW_OF), "")
    words = re.sub(r"[-./]", "", stated.upper()).split()
    known = (VIEW_OF[word] for word in ("".join(words), *words) if word in VIEW_OF)
    # Any other text might name a person.
    return next(known, stated if stated.isalnum() and len(stated) <= 16 else "")


def _lies(header: Dataset) -> bool:
    position = str(header.get("PatientPosition") or "").strip()
    by_code = LYING_CODES & _codes(header, "PatientOrientation")
    return bool(by_code or LYING_POSITIONS.fullmatch(position))


def _codes(header: Dataset, name: str) -> set[str]:
    """The codes of ``<name>CodeSequence``, and of the modifiers inside it."""
    found: set[str] = set()
    for item in header.get(f"{name}CodeSequence") or ():
        modifiers = item.get(f"{name}ModifierCodeSequence") or ()
        found |= {str(code.get("CodeValue", "")) for code in (item, *modifiers)}
    return found


def _spacing(header: Dataset, name: str) -> tuple[float, float] | None:
    try:
        row, column = map(float, header.get(name) or ())
    except (TypeError, ValueError):
        return None
    usable = all(math.isfinite(side) and 0 < side < MAX_SPACING for side in (row, column))
    return (row, column) if usable else None


def _read(path: Path, *, pixels: bool = True) -> Dataset:
    """The whole data set, or the elements of `HEADER`."""
    try:
        from pydicom import dcmread
    except ImportError as error:
        message = f"pydicom, which reads it, is missing or broken ({error}); reinstall it"
        advice = "pip install --force-reinstall --no-deps 'pydicom>=3.0'"
        raise user_error(f"{message}: {advice}", str(path)) from error
    # pydicom warns about damaged headers; what matters is checked here.
    warnings.filterwarnings("ignore", module=r"pydicom\b")
    logger = logging.getLogger("pydicom")
    if logger.level != logging.CRITICAL:  # setting it is slower than comparing
        logger.setLevel(logging.CRITICAL)
    if path.stat().st_size > MAX_BYTES:
        raise UnreadableError(f"it is larger than {MAX_BYTES // 10**6} MB")
    wanted: Any = None if pixels else list(HEADER)
    with _File(path, MAX_READS) as file:
        if file.peek(132)[128:132] != b"DICM":
            raise UnreadableError("the file does not begin as one")
        found: Dataset = dcmread(file, specific_tags=wanted, stop_before_pixels=not pixels)
    if "TransferSyntaxUID" not in found.file_meta:
        raise UnreadableError("it does not state its transfer syntax")
    return found


class _File(LimitedFile):
    def read(self, size: int | None = -1, /) -> Any:
        """As of a file; pydicom reads all that is left only to inflate it, without a limit."""
        content = super().read(size)
        if size is None or size < 0:
            _refuse_bomb(content)
        return content


def _refuse_bomb(rest: bytes) -> None:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    size = 0
    while rest and size <= MAX_BYTES:
        size += len(inflater.decompress(rest, 1 << 20))
        rest = inflater.unconsumed_tail
    if size > MAX_BYTES:
        raise UnreadableError(f"it inflates to more than {MAX_BYTES // 10**6} MB")
