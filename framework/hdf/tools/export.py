"""Detectors as files that other programs run: ONNX, and torch.export's PT2."""

from __future__ import annotations

import hashlib
import io
import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile, ZipFile

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hdf import __version__
from hdf.console import NOTICE
from hdf.data.resize import resize_any
from hdf.errors import UserError, user_error
from hdf.files.atomic import cache_folder, replacing
from hdf.inference.load import load_each
from hdf.inference.onnx import EXTRA, OnnxModel, OnnxPredictor, answer_of
from hdf.inference.predictor import Predictor, merge
from hdf.models.detector import Detector, exportable
from hdf.models.file import describe, load_model
from hdf.models.weights import DEFAULT
from hdf.registry.registry import discover
from hdf.runtime.device import choose_compute

OPSET = 18
SIZES = ((512, 512), (700, 420), (301, 640), (96, 96), (900, 1100))
"""(height, width) of the images: portrait and landscape, odd, small and large."""
OVALS = (
    (0.2, -0.45, -0.05, 0.34, 0.7),
    (0.2, 0.45, -0.05, 0.34, 0.7),
    (0.8, 0.13, 0.22, 0.42, 0.34),
)
"""Grey level, centre (x, y) and half axes of lungs and heart, in images from -1 to 1."""
MOST_PIXELS = 0.1
MOST_DOUBT = 0.01
Answers = Callable[[Tensor], dict[str, Tensor]]
"""From an image float32 [1, H, W] to the outputs of `PredictionGraph`."""


class PredictionGraph(nn.Module):
    """Resizing, backbone, head, decoding, mapping back and doubt of a detector to be evaluated.

    Raises:
        UserError: its head has no method `answers`.
    """

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        if exportable(detector.head) is None:
            name = detector.spec.head["use"]
            message = "it has no method answers(raw, size), which gives its boxes as tensors"
            raise user_error(f"head {name!r} can't be exported: {message}")
        self.detector = detector

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """What is found in one image.

        Args:
            image: float32 [1, 1, H, W] in [0, 1], bone bright, of any size.

        Returns:
            ``boxes`` float32 [1, L, 4] on pixel edges of that image and cut to it, NaN for a label
            that is not found; ``scores`` float32 [1, L]; ``spread`` float32 [1, L, 4], one standard
            deviation of each edge, if the head has one; ``doubt`` float32 [1], if the model has it.
        """
        spec, height, width = self.detector.spec, image.shape[2], image.shape[3]
        resized, *placed = resize_any(image, spec.image_size, spec.resize)
        maps = self.detector.features(resized)
        boxes, scores, spread = self.detector.answers(self.detector.run_head(maps))
        scale, offset = (value.tile(2) for value in placed)
        missing = boxes.isnan()  # which engines lose in a minimum
        limit = torch.stack([boxes.new_full((), side) for side in (width, height)]).tile(2)
        boxes = ((boxes - offset) / scale).clamp(min=0).minimum(limit)
        found = {"boxes": boxes.masked_fill(missing, torch.nan), "scores": scores}
        if spread is not None:
            found["spread"] = spread / scale
        if self.detector.doubt is not None:
            found["doubt"] = self.detector.doubt(maps)
        return found


class ExportFormat(NamedTuple):
    """How a format's files are written, read as a function, and told to be hdf's own."""

    write: Callable[[Detector, Path], None]
    read: Callable[[Path], Answers]
    is_own: Callable[[Path], bool]


def _write_onnx(detector: Detector, path: Path) -> None:
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise user_error(f"{error.name} is not installed: {EXTRA}") from error
    with _quietly(detector):
        program = _program(detector)
        names = list(program.module()(torch.zeros(1, 1, 64, 48)))
        written: Any = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=OPSET,
            input_names=["image"],
            output_names=names,
            verbose=False,
        )
        written.model.metadata_props.update(_about(detector))
        written.model.doc_string = NOTICE
        written.save(path)


def _write_pt2(detector: Detector, path: Path) -> None:
    buffer = io.BytesIO()
    with _quietly(detector):
        torch.export.save(_program(detector), buffer, extra_files=_about(detector))
    path.write_bytes(buffer.getvalue())


def _program(detector: Detector) -> torch.export.ExportedProgram:
    graph = PredictionGraph(detector).eval()
    sides = {2: torch.export.Dim("height"), 3: torch.export.Dim("width")}
    with torch.no_grad():
        example = (torch.zeros(1, 1, 61, 47),)
        return torch.export.export(graph, example, dynamic_shapes={"image": sides})


def _about(detector: Detector) -> dict[str, str]:
    return {"hdf": describe(detector.spec), "note": NOTICE}


@contextmanager
def _quietly(detector: Detector) -> Iterator[None]:
    """Silence the exporters' warnings, and report their errors with a reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UserError:
        raise
    except Exception as error:  # torch.export may fail in any way on a plugin's code
        names = f"backbone {detector.spec.backbone['use']!r} or head {detector.spec.head['use']!r}"
        reason = next(iter(str(error).strip().splitlines()), "no message")
        message = f"torch can't export the {names}: {type(error).__name__}: {reason}"
        raise user_error(message) from error


def _read_pt2(path: Path) -> Answers:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module: Any = torch.export.load(io.BytesIO(path.read_bytes())).module()
    answers: Answers = torch.no_grad()(lambda image: module(image[None]))
    return answers


def _is_own_onnx(path: Path) -> bool:
    with suppress(UserError):
        OnnxModel(path)
        return True
    return False


def _is_own_pt2(path: Path) -> bool:
    try:
        with ZipFile(path) as file:
            return any(name.endswith("extra/hdf") for name in file.namelist())
    except (OSError, BadZipFile):
        return False


FORMATS = {
    "onnx": ExportFormat(_write_onnx, OnnxModel, _is_own_onnx),
    "pt2": ExportFormat(_write_pt2, _read_pt2, _is_own_pt2),
}


def painted_chests() -> Iterator[Tensor]:
    """Images float32 [1, H, W] of all `SIZES`, the same each time, with lungs and a heart.

    A network that has learnt from radiographs finds something in them, clearly enough for its
    answer not to hang on the last bit.
    """
    for seed, size in enumerate(SIZES):
        y, x = torch.meshgrid(*(torch.linspace(-1, 1, side) for side in size), indexing="ij")
        light = torch.rand(1, 1, 5, 5, generator=torch.Generator().manual_seed(seed))
        image = 0.75 + 0.1 * F.interpolate(light, size, mode="bilinear", align_corners=True)[0, 0]
        for grey, x0, y0, width, height in OVALS:
            distance = (((x - x0) / width) ** 2 + ((y - y0) / height) ** 2).sqrt()
            image = torch.lerp(image, torch.tensor(grey), torch.sigmoid((1 - distance) * 12))
        yield image[None]


class Difference(NamedTuple):
    """Between two predictions: the largest of an edge, in pixels of the image and infinite if only
    one has a box; and that of the novelty scores.
    """

    pixels: float
    doubt: float


def export_model(detector: Detector, path: Path, kind: str, images: Iterable[Tensor]) -> Difference:
    """Write a detector atomically, after checking the file.

    Args:
        kind: one of `FORMATS`.
        images: float32 [1, H, W] in [0, 1], of any sizes, for which the file must answer as
            PyTorch does.

    Raises:
        UserError: the detector can't be exported, or the file disagrees with PyTorch.
    """
    detector = detector.to(choose_compute("cpu", "float32").device).eval()
    with replacing(path) as temporary:
        FORMATS[kind].write(detector, temporary)
        return check_answers(detector, FORMATS[kind].read(temporary), images)


def check_answers(detector: Detector, answers: Answers, images: Iterable[Tensor]) -> Difference:
    """The largest differences over all images.

    Raises:
        UserError: they are larger than `MOST_PIXELS` or `MOST_DOUBT`.
    """
    predictor = Predictor([detector], choose_compute("cpu", "float32"))
    found = [_difference(predictor, answers, image) for image in images]
    largest = Difference(max(item.pixels for item in found), max(item.doubt for item in found))
    if not (largest.pixels <= MOST_PIXELS and largest.doubt <= MOST_DOUBT):
        raise user_error(
            f"the exported graph answers otherwise than PyTorch: edges differ by up to "
            f"{largest.pixels:.3g} px (at most {MOST_PIXELS} may), doubts by {largest.doubt:.3g} "
            f"(at most {MOST_DOUBT}); nothing was written"
        )
    return largest


def _difference(predictor: Predictor, answers: Answers, image: Tensor) -> Difference:
    (expected,) = predictor.predict([image])
    found = merge([answer_of(answers(image), predictor.labels)], image.shape)
    doubt = 0.0 if math.isnan(expected.doubt) else abs(found.doubt - expected.doubt)
    pixels, (mine, theirs) = math.inf, (found.detections, expected.detections)
    if torch.equal(mine.labels, theirs.labels):
        pixels = float((mine.boxes - theirs.boxes).abs().max()) if len(mine.boxes) else 0.0
    return Difference(pixels, math.inf if math.isnan(doubt) else doubt)


def load_onnx_predictor(
    *models: str | Path,
    tta: int = 1,
    plugins_dir: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> OnnxPredictor:
    """A predictor that computes with ONNX Runtime, ready to answer.

    Args:
        models: ``.onnx`` files that `hdf export` wrote, or what `hdf.inference.load_predictor`
            takes, which is exported into the cache folder on its first use.
        tta: how many views of each image are averaged.
        plugins_dir: a folder of single-file plugins that the models need.
        say: is called with a message when a model is exported.

    Raises:
        UserError: there is no such model, it can't be exported, or ONNX Runtime is not installed.
    """

    def load(path: Path) -> OnnxModel:
        return OnnxModel(path if path.suffix == ".onnx" else _exported(path, plugins_dir, say))

    return OnnxPredictor(load_each(models or (DEFAULT,), load), tta)


def _exported(path: Path, plugins_dir: Path | None, say: Callable[[str], None]) -> Path:
    """The exported model in the cache folder, by its content and the version of hdf."""
    content = hashlib.sha256(path.read_bytes() + __version__.encode()).hexdigest()[:24]
    cached = cache_folder() / "onnx" / f"{content}.onnx"
    if not cached.is_file():
        say(f"exporting {path} to {cached}, once")
        model = load_model(path, discover(plugins_dir))
        export_model(model, cached, "onnx", painted_chests())
    return cached
