"""The heads that read boxes from a decoded pyramid."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from hdf.boxes import iou
from hdf.types import Batch, pad_targets
from hdf_plugins.heads.dense import EdgeSoftargmax, Mask

SIZE = (64, 96)
CHANNELS, STRIDES = (4, 8, 8), (2, 4, 8)
LABELS = ("heart", "left_lung")
BOXES = torch.tensor([[30.0, 20, 62, 44], [8.0, 6, 30, 58]])


def make_features(count: int) -> list[Tensor]:
    """Maps that show where the boxes are, as a good backbone's would."""
    features = []
    for channels, stride in zip(CHANNELS, STRIDES, strict=True):
        maps = torch.zeros(count, channels, SIZE[0] // stride, SIZE[1] // stride)
        for channel, box in enumerate((BOXES / stride).round().int().tolist()):
            maps[:, channel, box[1] : box[3], box[0] : box[2]] = 1.0
        features.append(maps)
    return features


def make_batch(count: int, *, masks: bool, labels: int = 2) -> Batch:
    targets = pad_targets([BOXES[:labels]] * count, [torch.arange(labels)] * count)
    if masks:
        shapes = torch.zeros(count, labels, *SIZE, dtype=torch.bool)
        for number, box in enumerate(BOXES[:labels].int().tolist()):
            shapes[:, number, box[1] : box[3], box[0] : box[2]] = True
        targets = replace(targets, masks=shapes)
    return Batch(torch.zeros(count, 1, *SIZE), targets, torch.arange(count))


def learn(head: nn.Module, batch: Batch, steps: int = 80) -> Tensor:
    """The lowest IoU after learning one image by heart."""
    features = make_features(len(batch))
    optimizer = torch.optim.Adam(head.parameters(), lr=3e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        torch.stack(list(head.loss(head(features), batch).values())).sum().backward()  # type: ignore[operator]
        optimizer.step()
    found = head.eval().decode(head(features), SIZE)[0]  # type: ignore[operator]
    return iou(found.boxes, BOXES).min()


def make(kind: type[nn.Module], **options: object) -> nn.Module:
    torch.manual_seed(0)
    return kind(CHANNELS, STRIDES, LABELS, width=16, **options)


@pytest.mark.parametrize("loss", ["mse", "smooth_l1", "giou", "ciou"])
def test_edges_learn_where_boxes_are(loss: str) -> None:
    assert learn(make(EdgeSoftargmax, loss=loss), make_batch(2, masks=False)) > 0.9


@pytest.mark.parametrize("edges", [True, False])
@pytest.mark.parametrize("masks", [True, False])
def test_masks_learn_from_masks_and_from_boxes(edges: bool, masks: bool) -> None:
    assert learn(make(Mask, edges=edges), make_batch(2, masks=masks)) > 0.9


def test_a_label_that_a_batch_lacks_has_no_part_in_the_loss() -> None:
    for kind in (EdgeSoftargmax, Mask):
        head = make(kind)
        raw = head(make_features(1))
        terms = head.loss(raw, make_batch(1, masks=kind is Mask, labels=1))  # type: ignore[operator]
        gradients = torch.autograd.grad(sum(terms.values()), raw["x"])[0]  # type: ignore[arg-type]
        assert gradients[:, 0].any() and not gradients[:, 1].any()


def test_terms_have_names() -> None:
    head = make(Mask)
    raw = head(make_features(1))
    with_masks = head.loss(raw, make_batch(1, masks=True))  # type: ignore[operator]
    assert set(with_masks) == {"masks", "projection", "smooth_l1", "distribution_focal"}
    assert with_masks["projection"] == 0
    without = head.loss(raw, make_batch(1, masks=False))  # type: ignore[operator]
    assert set(without) == {"projection", "smooth_l1", "distribution_focal"}


def test_an_empty_mask_is_read_from_its_edges_or_not_at_all() -> None:
    logits = torch.full((1, 2, 16, 24), -9.0)
    logits[:, 0, 4:9, 6:15] = 9.0
    edges = {"x": torch.zeros(1, 2, 2, 24), "y": torch.zeros(1, 2, 2, 16)}
    both = make(Mask).decode({"masks": logits, **edges}, SIZE)[0]  # type: ignore[operator]
    assert both.labels.tolist() == [0, 1]
    alone = make(Mask, edges=False).decode({"masks": logits}, SIZE)[0]  # type: ignore[operator]
    assert alone.labels.tolist() == [0]
    assert alone.spread is not None and alone.spread.shape == (1, 4)


def test_narrow_distributions_are_believed_and_wide_ones_give_way_to_the_mask() -> None:
    masks = torch.full((1, 2, 16, 24), -9.0)
    masks[:, :, 4:12, 6:18] = 9.0  # columns 24 to 72, rows 16 to 48 of the image
    x = torch.full((1, 2, 2, 24), -9.0)
    x[:, :, 0, 3], x[:, :, 1, 20] = 9.0, 9.0  # columns 14 and 82
    raw = {"masks": masks, "x": x, "y": torch.zeros(1, 2, 2, 16)}
    found = make(Mask).decode(raw, SIZE)[0]  # type: ignore[operator]
    assert found.boxes[0].tolist() == pytest.approx([14, 18, 82, 46], abs=1.5)
    assert found.spread is not None
    assert found.spread[0].tolist() == pytest.approx([5, 20, 5, 20], abs=1.0)


def test_answers_are_ordered_in_the_image_and_scored_by_their_spread() -> None:
    head = make(EdgeSoftargmax)
    sharp = torch.zeros(1, 2, 2, 24)
    sharp[:, :, 0, 20], sharp[:, :, 1, 3] = 40.0, 40.0  # x0 right of x1
    flat = {"x": torch.zeros(1, 2, 2, 24), "y": torch.zeros(1, 2, 2, 16)}
    raw = {"x": sharp, "y": flat["y"]}
    found = head.decode(raw, SIZE)[0]  # type: ignore[operator]
    assert (found.boxes[:, 2] > found.boxes[:, 0]).all()
    unsure = head.decode(flat, SIZE)[0]  # type: ignore[operator]
    assert (found.scores > unsure.scores).all()
    assert (unsure.scores > 0).all() and (found.scores < 1).all()


@pytest.mark.parametrize("kind", [EdgeSoftargmax, Mask])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stride": 16}, "strides are 2, 4, 8"),
        ({"focal": -1.0}, "focal is a weight"),
        ({"width": 0}, "width is a number of channels"),
    ],
)
def test_options_out_of_range_are_named(
    kind: type[nn.Module], options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        kind(CHANNELS, STRIDES, LABELS, **options)
