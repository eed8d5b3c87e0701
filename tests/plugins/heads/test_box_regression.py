from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
from torch import Tensor

from hdf.boxes import iou
from hdf.errors import UserError
from hdf.types import Batch, Targets, pad_targets
from hdf_plugins.heads.box_regression import SMALLEST_SPREAD, BoxRegression
from hdf_plugins.heads.losses import LossName

SIZE = (96, 128)
HEARTS = torch.tensor(
    [[40.0, 30.0, 90.0, 70.0], [50.0, 36.0, 96.0, 80.0], [44.0, 20.0, 84.0, 66.0]]
)
ONE = ("heart",)
THREE = ("heart", "left_lung", "right_lung")


def make_head(labels: tuple[str, ...] = ONE, **options: object) -> BoxRegression:
    return BoxRegression((8, 16), (16, 32), labels, SIZE, **options)  # type: ignore[arg-type]


def make_targets(*images: dict[int, Tensor]) -> Targets:
    boxes = [torch.stack([*image.values()]) if image else torch.empty(0, 4) for image in images]
    return pad_targets(boxes, [torch.tensor([*image], dtype=torch.int64) for image in images])


def make_batch(targets: Targets) -> Batch:
    return Batch(torch.rand(len(targets), 1, *SIZE), targets, torch.arange(len(targets)))


def make_features(count: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = [(8, 6, 8), (16, 3, 4)]
    return [torch.randn(count, *shape, generator=generator) for shape in shapes]


@pytest.fixture
def hearts() -> Targets:
    return make_targets(*({0: box} for box in HEARTS))


def test_fit_takes_mean_and_spread_of_the_codes(hearts: Targets) -> None:
    head = make_head()
    head.fit(hearts, SIZE)
    centers = [65 / 128, 73 / 128, 64 / 128]
    assert head.mean[0, 0].item() == pytest.approx(sum(centers) / 3)
    heights = [math.log(side / 96) for side in (40, 44, 46)]
    mean = sum(heights) / 3
    spread = (sum((height - mean) ** 2 for height in heights) / 3) ** 0.5
    assert head.mean[0, 3].item() == pytest.approx(mean)
    assert head.spread[0, 3].item() == pytest.approx(spread, rel=1e-4)


def test_fit_does_not_depend_on_the_size_of_the_image(hearts: Targets) -> None:
    head, doubled = make_head(), make_head()
    head.fit(hearts, SIZE)
    doubled.fit(Targets(hearts.boxes * 2, hearts.labels, hearts.valid), (192, 256))
    assert torch.allclose(head.mean, doubled.mean)
    assert torch.allclose(head.spread, doubled.spread)


@pytest.mark.parametrize("count", [1, 4])
def test_equal_boxes_get_the_smallest_spread(count: int) -> None:
    head = make_head()
    head.fit(make_targets(*[{0: HEARTS[0]}] * count), SIZE)
    assert torch.allclose(head.spread, torch.full((1, 4), SMALLEST_SPREAD))


def test_fit_leaves_out_images_that_lack_a_label() -> None:
    head = make_head(THREE[:2])
    lung = torch.tensor([8.0, 8.0, 40.0, 80.0])
    head.fit(make_targets({0: HEARTS[0], 1: lung}, {0: HEARTS[1]}), SIZE)
    (detections,) = head.decode(torch.zeros(1, 2, 4), SIZE)
    assert torch.allclose(detections.boxes[1], lung, atol=1e-3)


def test_a_label_without_any_box_is_refused(hearts: Targets) -> None:
    with pytest.raises(UserError, match="'left_lung'"):
        make_head(THREE).fit(hearts, SIZE)


def test_zeros_decode_to_the_mean_box(hearts: Targets) -> None:
    head = make_head()
    head.fit(hearts, SIZE)
    (detections,) = head.decode(torch.zeros(1, 1, 4), SIZE)
    width = math.prod((50, 46, 40)) ** (1 / 3)
    center = (65 + 73 + 64) / 3
    assert detections.boxes[0, 0].item() == pytest.approx(center - width / 2, rel=1e-4)
    assert detections.boxes[0, 2].item() == pytest.approx(center + width / 2, rel=1e-4)


@pytest.mark.parametrize("loss", get_args(LossName))
def test_training_starts_at_the_mean_box(hearts: Targets, loss: str) -> None:
    head = make_head(loss=loss)
    head.fit(hearts, SIZE)
    raw = head(make_features(3))
    mean = head.decode(torch.zeros(1, 1, 4), SIZE)[0].boxes
    assert all(iou(found.boxes, mean).item() > 0.99 for found in head.decode(raw, SIZE))


@pytest.mark.parametrize("labels", [ONE, THREE])
def test_shapes(labels: tuple[str, ...]) -> None:
    head = make_head(labels)
    raw = head(make_features(5))
    assert raw.shape == (5, len(labels), 4)
    detections = head.decode(raw, SIZE)
    assert len(detections) == 5
    for found in detections:
        assert found.boxes.shape == (len(labels), 4)
        assert found.boxes.dtype == torch.float32
        assert found.labels.tolist() == list(range(len(labels)))
        assert found.scores.tolist() == [1.0] * len(labels)


def three_labels() -> Targets:
    lungs = torch.tensor([[70.0, 10.0, 120.0, 80.0], [8.0, 8.0, 50.0, 84.0]])
    return make_targets(
        *({0: box, 1: lungs[0] + i, 2: lungs[1] - i} for i, box in enumerate(HEARTS))
    )


@pytest.mark.parametrize("loss", get_args(LossName))
def test_overfits_three_images(loss: str) -> None:
    torch.manual_seed(0)
    batch, features = make_batch(three_labels()), make_features(3)
    head = make_head(THREE, loss=loss, hidden=(64,))
    head.fit(batch.targets, SIZE)
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-3)
    first = head.loss(head(features), batch)[loss].item()
    for step in range(400):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * (1 - step / 400)
        optimizer.zero_grad()
        head.loss(head(features), batch)[loss].backward()
        optimizer.step()
    assert head.loss(head(features), batch)[loss].item() < 0.05 * first
    for found, truth in zip(head.decode(head(features), SIZE), batch.targets.boxes, strict=True):
        assert iou(found.boxes, truth).min() > 0.95


@pytest.mark.parametrize("loss", get_args(LossName))
def test_absent_labels_give_no_gradient(loss: str) -> None:
    head = make_head(THREE, loss=loss)
    head.fit(three_labels(), SIZE)
    batch = make_batch(make_targets({0: HEARTS[0] + 3}, {2: HEARTS[1], 0: HEARTS[1]}))
    raw = torch.zeros(2, 3, 4, requires_grad=True)
    head.loss(raw, batch)[loss].backward()
    assert raw.grad is not None
    moved = (raw.grad != 0).any(-1)
    assert moved.tolist() == [[True, False, False], [True, False, True]]


@pytest.mark.parametrize("loss", get_args(LossName))
def test_a_batch_without_boxes_gives_zero(loss: str) -> None:
    targets = Targets(torch.zeros(2, 1, 4), torch.zeros(2, 1).long(), torch.zeros(2, 1).bool())
    head = make_head(loss=loss)
    raw = torch.randn(2, 1, 4, requires_grad=True)
    value = head.loss(raw, make_batch(targets))[loss]
    value.backward()
    assert value.item() == 0
    assert raw.grad is not None
    assert not raw.grad.any()


@pytest.mark.parametrize("loss", get_args(LossName))
@pytest.mark.parametrize("box", [(50, 40, 50, 40), (90, 70, 40, 30), (200, 200, 300, 300)])
def test_odd_targets_keep_loss_and_gradient_finite(
    hearts: Targets, loss: str, box: tuple[int, ...]
) -> None:
    head = make_head(loss=loss)
    head.fit(hearts, SIZE)
    batch = make_batch(make_targets({0: torch.tensor(box).float()}))
    raw = torch.zeros(1, 1, 4, requires_grad=True)
    value = head.loss(raw, batch)[loss]
    value.backward()
    assert value.isfinite()
    assert raw.grad is not None
    assert raw.grad.isfinite().all()


@pytest.mark.parametrize("scale", [1.0, 1e2, 1e6])
def test_boxes_are_ordered_and_inside_the_image(hearts: Targets, scale: float) -> None:
    torch.manual_seed(0)
    head = make_head()
    head.fit(hearts, SIZE)
    found = head.decode(torch.randn(500, 1, 4) * scale, SIZE)
    boxes = torch.cat([detections.boxes for detections in found])
    assert (boxes[:, :2] <= boxes[:, 2:]).all()
    assert (boxes >= 0).all()
    assert (boxes <= torch.tensor([128, 96, 128, 96])).all()


def test_state_dict_carries_the_statistics(hearts: Targets) -> None:
    head, restored = make_head(), make_head()
    head.fit(hearts, SIZE)
    restored.load_state_dict(head.state_dict())
    raw = head(make_features(2))
    assert restored(make_features(2)).equal(raw)
    assert restored.decode(raw, SIZE)[1].boxes.equal(head.decode(raw, SIZE)[1].boxes)


def test_bfloat16_forward_and_float32_loss(hearts: Targets) -> None:
    head = make_head()
    head.fit(hearts, SIZE)
    features = [f.to(memory_format=torch.channels_last).bfloat16() for f in make_features(3)]
    with torch.autocast("cpu", torch.bfloat16):
        raw = head(features)
    assert raw.dtype == torch.bfloat16
    value = head.loss(raw.float(), make_batch(hearts))["mse"]
    value.backward()
    assert value.dtype == torch.float32
    assert all(p.grad is not None and p.grad.isfinite().all() for p in head.parameters())


@pytest.mark.parametrize(
    ("image_size", "pool"),
    [((112, 112), (3, 3)), ((224, 224), (7, 7)), ((512, 96), (7, 3)), ((32, 63), (1, 1))],
)
def test_pool_defaults_to_the_size_of_the_map(
    image_size: tuple[int, int], pool: tuple[int, int]
) -> None:
    head = BoxRegression((16,), (32,), ONE, image_size, hidden=())
    assert head.layers[0].in_features == 16 * pool[0] * pool[1]
    rows, columns = -(-image_size[0] // 32), -(-image_size[1] // 32)
    assert head([torch.rand(1, 16, rows, columns)]).shape == (1, 1, 4)


def test_hidden_layers_and_dropout_are_those_asked_for() -> None:
    layers = make_head(hidden=(20, 10), dropout=0.25, pool=(2, 2)).layers
    linear = [m for m in layers if isinstance(m, torch.nn.Linear)]
    assert [(m.in_features, m.out_features) for m in linear] == [(64, 20), (20, 10), (10, 4)]
    assert [m.p for m in layers if isinstance(m, torch.nn.Dropout)] == [0.25, 0.25]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden": (512, 0)}, "hidden"),
        ({"dropout": 1.0}, "dropout"),
        ({"dropout": -0.1}, "dropout"),
        ({"pool": (0, 3)}, "pool"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_head(ONE, **options)


def test_images_smaller_than_the_stride_are_refused() -> None:
    with pytest.raises(ValueError, match="image_size of at least 32 x 32"):
        BoxRegression((16,), (32,), ONE, (112, 31))
