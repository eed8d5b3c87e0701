"""One answer from several views and detectors, in the pixels of the original image."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import torch

from hdf import Detections, UserError
from hdf.boxes import mask_bounds
from hdf.inference import Predictor, load_predictor
from hdf.inference.predictor import combine, widest
from hdf.inference.views import GAMMA, SHIFT, ZOOM, TtaView, tta_views
from hdf.models import weights
from hdf.models.calibration import Calibration
from hdf.models.weights import find_models, shipped_models
from hdf.runtime.device import choose_compute
from hdf_plugins.loaders.phantom import read_image
from tests.painted import painted, painted_detector

BOXES = [((120, 200, 400, 330), (512, 512)), ((30, 40, 180, 90), (150, 300))]
CPU = choose_compute("cpu", "float32")
PRECISIONS: tuple[Literal["float32"], Literal["bfloat16"]] = ("float32", "bfloat16")


@pytest.mark.parametrize("tta", [1, 7])
@pytest.mark.parametrize("resize", ["letterbox", "stretch"])
def test_boxes_are_in_pixels_of_the_original_image(tta: int, resize: str) -> None:
    predictor = Predictor([painted_detector(resize=resize)], CPU, tta=tta)
    found = predictor.predict([painted(box, size) for box, size in BOXES])
    for prediction, (box, size) in zip(found, BOXES, strict=True):
        pixel = max(size) / 128
        expected = torch.tensor(box, dtype=torch.float32)
        assert (prediction.boxes["heart"] - expected).abs().max() <= pixel
        assert prediction.scores == {"heart": 1.0}
        assert math.isnan(prediction.doubt)


@pytest.mark.parametrize("view", tta_views(9))
def test_a_view_maps_back_exactly(view: TtaView) -> None:
    box, size = (40, 30, 200, 90), (160, 320)
    image = painted(box, size)
    seen = view.apply(image, size, "stretch")
    height, width = seen.geometry.original_size
    plain = replace(view, gamma=1.0)
    again = plain.apply(image, (height, width), "stretch")  # no resampling
    assert torch.equal(again.geometry.to_original(torch.zeros(4)), torch.zeros(4))
    there = mask_bounds(again.image[0] > 0.5)
    answer = Detections(there[None], torch.zeros(1).long(), torch.ones(1))
    assert again.to_original(answer).boxes[0].tolist() == list(box)
    placed = Detections(seen.geometry.to_network(there)[None], answer.labels, answer.scores)
    torch.testing.assert_close(seen.to_original(placed).boxes[0], torch.tensor(box).float())


def test_views_are_the_same_every_time_and_small() -> None:
    found = tta_views(64)
    assert found == tta_views(64)
    assert found[:5] == tta_views(5)
    assert found[0] == TtaView()
    assert len(set(found)) == 64
    assert max(abs(side) for view in found for side in view.shift) <= SHIFT
    assert max(abs(view.zoom) for view in found) <= ZOOM
    assert all(1 / GAMMA <= view.gamma <= GAMMA for view in found)


def test_an_image_of_one_pixel_has_views_too() -> None:
    Predictor([painted_detector()], CPU, tta=5).predict([torch.ones(1, 1, 1)])


def detections(box: list[float], score: float, spread: float | None, label: int = 0) -> Detections:
    wide = None if spread is None else torch.full((1, 4), spread)
    return Detections(torch.tensor([box]), torch.tensor([label]), torch.tensor([score]), wide)


def test_several_answers_become_one() -> None:
    answers = [detections([0.0, 10, 20, 30], 1.0, 3.0), detections([2.0, 10, 24, 30], 0.5, 1.0)]
    joined = combine(answers, 2)
    assert joined.boxes.tolist() == [[1, 10, 22, 30]]
    assert joined.scores.tolist() == [0.75]
    assert joined.spread is not None
    own = (3**2 + 1**2) / 2
    expected = [math.sqrt(own + between) for between in (1, 0, 4, 0)]
    assert joined.spread[0].tolist() == pytest.approx(expected)


def test_answers_without_a_box_lower_the_score() -> None:
    nothing = Detections(torch.zeros(0, 4), torch.zeros(0).long(), torch.zeros(0))
    joined = combine([detections([0.0, 0, 2, 2], 1.0, None, label=1), nothing], 2)
    assert joined.labels.tolist() == [1]
    assert joined.scores.tolist() == [0.5]
    assert joined.spread is not None
    assert joined.spread.tolist() == [[0, 0, 0, 0]]
    assert len(combine([nothing, nothing], 2).boxes) == 0


def test_bfloat16_moves_edges_by_a_fraction_of_a_pixel() -> None:
    images = [read_image(7, number, (320, 320)) for number in range(4)]
    exact, quick = (load_predictor(precision=name) for name in PRECISIONS)
    for first, second in zip(exact.predict(images), quick.predict(images), strict=True):
        assert first.boxes.keys() == second.boxes.keys() == {"heart", "left_lung", "right_lung"}
        apart = torch.stack([first.boxes[label] - second.boxes[label] for label in first.boxes])
        assert 0 < float(apart.abs().max()) < 1.0
        assert abs(first.doubt - second.doubt) < 0.01


def test_answers_do_not_depend_on_what_is_answered_beside() -> None:
    images = [read_image(7, number, (300 + number, 320)) for number in range(5)]
    predictor = load_predictor()
    alone = [predictor.predict([image])[0] for image in images]
    for first, second in zip(predictor.predict(images), alone, strict=True):
        for label, box in first.boxes.items():
            torch.testing.assert_close(box, second.boxes[label], rtol=0, atol=0.01)
        assert abs(first.doubt - second.doubt) < 1e-4


def test_inference_mode_changes_nothing() -> None:
    image, predictor = read_image(7, 1, (320, 320)), load_predictor()
    recorded = Predictor.predict.__wrapped__(predictor, [image])[0]  # type: ignore[attr-defined]
    assert recorded.detections.boxes.requires_grad
    assert recorded.detections.boxes.equal(predictor.predict([image])[0].detections.boxes)


def test_a_lone_answer_stays_as_it_is() -> None:
    assert combine([detections([0.0, 0, 2, 2], 1.0, None)], 1).spread is None
    first, second = detections([0.0, 0, 2, 2], 0.4, 1.0), detections([1.0, 1, 3, 3], 0.6, 2.0)
    both = Detections(
        *(
            torch.cat([getattr(first, k), getattr(second, k)])
            for k in ("boxes", "labels", "scores")
        ),
        torch.tensor([[1.0] * 4, [2.0] * 4]),
    )
    joined = combine([both], 1)
    assert joined.boxes.tolist() == [[1, 1, 3, 3]]
    assert joined.spread is not None
    assert joined.spread.tolist() == [[2, 2, 2, 2]]


def test_an_ensembles_spread_holds_its_differences_in_original_pixels() -> None:
    members = [painted_detector(spread=1.0, shift=shift) for shift in (-2.0, 2.0)]
    box, size = BOXES[0]
    (alone,) = Predictor(members[:1], CPU).predict([painted(box, size)])
    (together,) = Predictor(members, CPU).predict([painted(box, size)])
    assert alone.spreads["heart"].tolist() == [4, 4, 4, 4]
    expected = 4 * math.sqrt(1 + 2**2)
    assert together.spreads["heart"].tolist() == pytest.approx([expected] * 4)


def test_nothing_found_is_an_answer() -> None:
    (found,) = Predictor([painted_detector()], CPU, tta=3).predict([torch.zeros(1, 64, 64)])
    assert (found.boxes, found.spreads, found.scores) == ({}, {}, {})


def test_members_must_find_the_same() -> None:
    with pytest.raises(UserError, match="must detect the same labels, not"):
        Predictor([painted_detector(), painted_detector(labels=("lung",))], CPU)


def test_the_widest_calibration_counts() -> None:
    one = Calibration((0.5, 0.9), {"heart": (1.0, 3.0), "lung": (1.0, 2.0)}, (1.0, 2.0))
    two = Calibration((0.5, 0.9), {"heart": (2.0, 2.5), "lung": (0.5, 4.0)})
    assert widest([one]) == one
    both = {"heart": (2.0, 3.0), "lung": (1.0, 4.0)}
    assert widest([one, two]) == Calibration((0.5, 0.9), both, ())
    assert widest([one, replace(two, edges={"heart": (2.0, 2.5)})]) is None
    assert widest([one, None]) is None
    assert widest([one, replace(two, levels=(0.5, 0.8))]) is None
    bare = replace(two, fallback_spread={"heart": (0.1, 0.2, 0.1, 0.1)})
    wider = replace(two, fallback_spread={"heart": (0.2, 0.1, 0.1, 0.1)})
    assert widest([one, bare]) is None
    found = widest([bare, wider])
    assert found is not None
    assert found.fallback_spread == {"heart": (0.2, 0.2, 0.1, 0.1)}


def test_every_shipped_model_has_a_card() -> None:
    cards = {path.stem for path in weights.HERE.glob("*.md")}
    assert cards == set(shipped_models())


def test_models_are_found_by_name_folder_and_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hdf.models.weights.HERE", tmp_path / "shipped")
    shipped = tmp_path / "shipped" / "small.safetensors"
    folds = [tmp_path / "cv" / f"fold-{n}" / "best.safetensors" for n in (0, 1, 2, 10)]
    for path in (shipped, tmp_path / "run" / "best.safetensors", *folds):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert shipped_models() == ["small"]
    assert find_models("small") == [shipped]
    assert find_models(str(shipped)) == [shipped]
    assert find_models(str(tmp_path / "run")) == [tmp_path / "run" / "best.safetensors"]
    (tmp_path / "cv" / "fold-²").mkdir()
    with pytest.raises(UserError, match=r"fold-².best.safetensors is missing"):
        find_models(str(tmp_path / "cv"))
    (tmp_path / "cv" / "fold-²").rmdir()
    assert find_models(str(tmp_path / "cv")) == folds
    folds[1].unlink()
    with pytest.raises(UserError, match=r"is not finished: .*fold-1.best.safetensors is missing"):
        find_models(str(tmp_path / "cv"))
    with pytest.raises(UserError, match=r"contains neither best.safetensors nor"):
        find_models(str(tmp_path))
    with pytest.raises(UserError, match=r"no shipped model has this name, .*did you mean 'small'"):
        find_models("smal")
    with pytest.raises(UserError, match="there are: small"):
        find_models("elsewhere/best.pt")
