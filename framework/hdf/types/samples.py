"""What a loader states of each image, before anything is read; nothing here imports torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn, Self

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Target:
    """What is known of one image, as a loader states it.

    Attributes:
        boxes: float32 [N, 4], pixel edges of the image that `Sample.read` returns, or of `frame`.
        labels: N names, such as ``("heart", "left_lung")``.
        frame: (height, width) in which the boxes were drawn, where that is not the image's own
            size; the data stage rescales them once the image has been read.
    """

    boxes: Tensor
    labels: tuple[str, ...]
    frame: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        shape = tuple(self.boxes.shape)
        if shape != (len(self.labels), 4):
            raise ValueError(f"{len(self.labels)} labels need boxes of shape [N, 4], not {shape}")


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What a file says of its radiograph beside the pixels; empty where it says nothing.

    Attributes:
        pixel_spacing: (row, column) in mm.
        spacing_at: where the spacing was measured: ``patient`` (calibrated), ``detector``
            (magnified by the distance between patient and detector), or ``unknown``.
        view: DICOM's ViewPosition, or what its ViewCodeSequence says in the same words, such as
            ``PA`` or ``AP``.
        patient: a salted hash (`hdf.files.group_of`); never the identifier itself.
        lying: whether it says that the patient lay, as in bed.
        modality: DICOM's Modality, such as ``DX`` or ``CR``.
        body_part: DICOM's BodyPartExamined, such as ``CHEST``.
    """

    pixel_spacing: tuple[float, float] | None = None
    spacing_at: Literal["patient", "detector", "unknown", ""] = ""
    view: str = ""
    patient: str = ""
    lying: bool = False
    modality: str = ""
    body_part: str = ""


class Fault(str):
    """Why a sample can't be used; a plain text says the same, and leaves out the kind.

    Attributes:
        kind: what `hdf audit` calls it (`hdf.tools.audit.KINDS`).
    """

    kind: str

    def __new__(cls, message: str, kind: str = "record") -> Self:
        fault = super().__new__(cls, message)
        fault.kind = kind
        return fault

    @classmethod
    def at(cls, place: str, message: str) -> Self:
        """A message behind the place that a person would open; its kind stays."""
        return cls(f"{place}: {message}", kind_of(message))


def kind_of(message: str) -> str:
    """The kind of a fault; ``record`` for a plain text."""
    return message.kind if isinstance(message, Fault) else "record"


@dataclass(frozen=True, slots=True)
class Sample:
    """One radiograph that has not been read yet.

    Attributes:
        id: the name shown to people and written to tables; unique within a data set.
        read: returns the image, float32 [1, H, W] in [0, 1], bone bright.
        target: boxes and labels, or None where the image is not labelled.
        group: what must not be split between training and validation (the patient); `id` if empty.
        source: the data set it came from.
        where: the place a person would mend a wrong target, such as ``hearts.csv:17``.
        read_masks: returns bool [N, H, W], in the order of the target's labels and in the pixels of
            the image; an empty one is not known.
        mask_files: the file of each mask, in the same order; their size and date tell whether
            prepared masks are still right. Empty for masks that no file holds.
        faults: why the sample can't be used, each naming file and line or row; a `Fault` states
            its kind as well. A loader reports a bad record here instead of raising, so that all of
            them can be shown at once.
        files: what the image is read from; their size and date tell whether a prepared copy is
            still right. Empty for an image that no file holds.
        reads_in: ``threads`` for decoders that let go of Python's lock, as those of files do;
            ``processes`` for images that Python computes: `read` can be pickled then.
    """

    id: str
    read: Callable[[], Tensor]
    target: Target | None = None
    group: str = ""
    source: str = ""
    where: str = ""
    read_masks: Callable[[], Tensor] | None = None
    faults: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    mask_files: tuple[Path, ...] = ()
    reads_in: Literal["threads", "processes"] = "threads"

    def __post_init__(self) -> None:
        if not self.group:
            object.__setattr__(self, "group", self.id)
        boxes = len(self.target.labels) if self.target else 0
        if self.mask_files and len(self.mask_files) != boxes:
            raise ValueError(f"{boxes} boxes and {len(self.mask_files)} mask_files")

    @classmethod
    def broken(cls, id: str, *faults: str) -> Self:
        """A record that can't be read, with the reasons."""
        return cls(id=id, read=_nothing_to_read, faults=faults)


def _nothing_to_read() -> NoReturn:
    raise RuntimeError("a broken sample has no image")
