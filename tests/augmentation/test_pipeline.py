from dataclasses import replace

import kornia.augmentation as K
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hdf.augmentation.pipeline import Augment
from hdf.testing import paint
from hdf.types import Batch, Targets

SIZE = (96, 128)


def _batch(count: int = 16, *, masks: bool = False) -> Batch:
    """Two boxes an image, of which odd images have only the first."""
    boxes = torch.tensor([[30.0, 24, 70, 64], [60, 40, 100, 80]]).repeat(count, 1, 1)
    valid = torch.ones(count, 2, dtype=torch.bool)
    valid[1::2, 1] = False
    boxes[~valid] = 0
    painted = torch.stack([paint(boxes[:, n], SIZE) for n in range(2)], 1) > 0.5
    targets = Targets(boxes, torch.tensor([[0, 1]]).repeat(count, 1), valid, painted)
    noise = torch.rand(count, 1, *SIZE, generator=torch.Generator().manual_seed(1))
    batch = Batch(0.5 * noise + 0.4 * painted[:, :1], targets, torch.arange(count))
    return batch if masks else replace(batch, targets=replace(targets, masks=None))


def _equal(first: Batch, second: Batch) -> bool:
    pairs = [
        (first.images, second.images),
        (first.targets.boxes, second.targets.boxes),
        (first.targets.valid, second.targets.valid),
        (first.targets.labels, second.targets.labels),
    ]
    return all(torch.equal(a, b) for a, b in pairs)


def test_no_modules_change_nothing() -> None:
    batch = _batch()
    assert _equal(Augment([], SIZE)(batch, (0,)), batch)


def test_the_same_key_gives_the_same_result() -> None:
    chain = [K.RandomAffine(10, p=0.5), K.RandomGamma((0.5, 2.0)), K.RandomGaussianNoise(std=0.1)]
    augment, batch = Augment(chain, SIZE), _batch()
    first = augment(batch, (0, 3, 7))
    augment(batch, (0, 3, 8))
    torch.rand(5)
    assert _equal(augment(batch, (0, 3, 7)), first)
    assert not _equal(augment(batch, (0, 3, 8)), first)
    assert not _equal(augment(batch, (1, 3, 7)), first)


def test_global_random_numbers_stay_untouched() -> None:
    torch.manual_seed(4)
    state = torch.get_rng_state()
    augment = Augment([K.RandomAffine(10), K.RandomGaussianNoise(std=0.1)], SIZE)
    augment(_batch(), (0, 0, 0))
    assert torch.equal(torch.get_rng_state(), state)


def test_the_given_batch_is_left_as_it_is() -> None:
    batch, untouched = _batch(masks=True), _batch(masks=True)
    Augment([K.RandomAffine(20, p=1.0), K.RandomContrast((0.5, 1.5))], SIZE)(batch, (0,))
    assert _equal(batch, untouched)
    assert torch.equal(batch.targets.masks, untouched.targets.masks)


def test_a_chain_of_geometric_modules_resamples_once(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = [
        K.RandomAffine(8, translate=(0.1, 0.1), p=1.0),
        K.RandomGamma((0.7, 1.5)),
        K.RandomAffine(5, scale=(0.9, 1.1), p=1.0),
        K.RandomHorizontalFlip(p=0.5),
        K.RandomPerspective(0.2, p=1.0),
        K.RandomContrast((0.8, 1.2)),
        K.RandomRotation(8, p=1.0),
        K.RandomResizedCrop(SIZE, scale=(0.7, 1.0)),
    ]
    augment = Augment(chain, SIZE, "mask")
    counts = {"grid_sample": 0, "interpolate": 0}

    def counting(name: str) -> None:
        original = getattr(F, name)

        def counted(*args: object, **options: object) -> Tensor:
            counts[name] += 1
            return original(*args, **options)

        monkeypatch.setattr(F, name, counted)

    counting("grid_sample")
    counting("interpolate")
    augment(_batch(masks=True), (0,))
    assert counts == {"grid_sample": 1, "interpolate": 0}


def test_geometric_modules_meet_at_the_place_of_the_first() -> None:
    affine = K.RandomAffine((30, 30), p=1.0)
    flip = K.RandomVerticalFlip(p=1.0)
    blur = K.RandomGaussianBlur((5, 5), (1.0, 1.0), p=1.0)
    gamma = K.RandomGamma((2.0, 2.0))
    batch = _batch()
    mixed = Augment([gamma, affine, blur, flip], SIZE)(batch, (0,))
    sorted_ = Augment([gamma, affine, flip, blur], SIZE)(batch, (0,))
    torch.testing.assert_close(mixed.images, sorted_.images)
    torch.testing.assert_close(mixed.targets.boxes, sorted_.targets.boxes)


def test_a_chain_applies_its_first_module_first() -> None:
    shift, flip = K.RandomTranslate((0.1, 0.1), (0.0, 0.0), p=1.0), K.RandomHorizontalFlip(p=1.0)
    batch = _batch()
    result = Augment([shift, flip], SIZE)(batch, (0,))  # 12.8 px to the right, then mirrored
    assert result.targets.boxes[0, 0].tolist() == pytest.approx([45.2, 24, 85.2, 64], abs=1e-3)
    other = Augment([flip, shift], SIZE)(batch, (0,))
    assert other.targets.boxes[0, 0].tolist() == pytest.approx([70.8, 24, 110.8, 64], abs=1e-3)


def test_flips_cancel_out() -> None:
    batch = _batch(masks=True)
    result = Augment([K.RandomHorizontalFlip(p=1.0), K.RandomHorizontalFlip(p=1.0)], SIZE)(
        batch, (0,)
    )
    assert _equal(result, batch)


def test_a_probability_is_honoured_for_each_image() -> None:
    batch = _batch(200)
    result = Augment([K.RandomHorizontalFlip(p=0.3)], SIZE)(batch, (0,))
    kept = (result.images == batch.images).flatten(1).all(1)
    torch.testing.assert_close(result.images[~kept], batch.images[~kept].flip(-1))
    assert torch.equal(result.targets.boxes[kept], batch.targets.boxes[kept])
    assert result.targets.boxes[~kept][:, 0].unique(dim=0).tolist() == [[58, 24, 98, 64]]
    assert 35 <= int((~kept).sum()) <= 85  # 60 expected, standard deviation 6.5


def test_same_on_batch_is_honoured() -> None:
    affine = K.RandomAffine(30, translate=(0.1, 0.1), same_on_batch=True, p=1.0)
    first = Augment([affine], SIZE)(_batch(), (0,)).targets.boxes[:, 0]
    assert torch.equal(first, first[:1].expand_as(first))
    alone = Augment([K.RandomAffine(30, p=1.0)], SIZE)(_batch(), (0,)).targets.boxes[:, 0]
    assert len(alone.unique(dim=0)) == len(alone)


@pytest.mark.parametrize("box_bounds", ["ellipse", "rectangle", "mask"])
def test_padding_stays_padding(box_bounds: str) -> None:
    batch = _batch(masks=True)
    affine = K.RandomAffine(15, translate=(0.05, 0.05), p=1.0)
    targets = Augment([affine], SIZE, box_bounds)(batch, (0,)).targets
    assert torch.equal(targets.valid, batch.targets.valid)
    assert torch.equal(targets.labels, batch.targets.labels)
    assert (targets.boxes[1::2, 1] == 0).all()
    assert (targets.boxes[targets.valid] != batch.targets.boxes[targets.valid]).all()


def test_images_without_any_box_pass() -> None:
    empty = Targets(torch.zeros(4, 0, 4), torch.zeros(4, 0).long(), torch.zeros(4, 0).bool())
    batch = Batch(torch.rand(4, 1, *SIZE), empty, torch.arange(4))
    result = Augment([K.RandomAffine(10, p=1.0)], SIZE)(batch, (0,))
    assert result.targets.boxes.shape == (4, 0, 4)
    assert not torch.equal(result.images, batch.images)


@pytest.mark.parametrize(
    ("shift", "expected"),
    [
        ((0.2, 0.1), [55.6, 33.6, 95.6, 73.6]),
        ((-0.3, 0.0), [0, 24, 31.6, 64]),
        ((0.0, 0.45), [30, 67.2, 70, 96]),
    ],
)
def test_boxes_are_exact_under_translation(
    shift: tuple[float, float], expected: list[float]
) -> None:
    translate = K.RandomTranslate((shift[0],) * 2, (shift[1],) * 2, p=1.0)
    for box_bounds in ("ellipse", "rectangle", "mask"):
        result = Augment([translate], SIZE, box_bounds)(_batch(2, masks=True), (0,))
        assert result.targets.boxes[0, 0].tolist() == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("box_bounds", ["ellipse", "rectangle", "mask"])
def test_boxes_are_exact_under_random_scaling_and_translation(
    box_bounds: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    affine = K.RandomAffine(0, translate=(0.1, 0.1), scale=(0.85, 1.2), p=1.0)
    batch = _batch(1000, masks=True)
    augment, draw = Augment([affine], SIZE, box_bounds), affine.forward_parameters
    drawn: dict[str, Tensor] = {}
    monkeypatch.setattr(
        affine, "forward_parameters", lambda shape: drawn.update(draw(shape)) or drawn
    )
    boxes = augment(batch, (0,)).targets.boxes[:, 0]
    center = torch.tensor([SIZE[1] / 2, SIZE[0] / 2])
    scale = drawn["scale"].repeat(1, 2)
    offset = (center - center * drawn["scale"] + drawn["translations"]).repeat(1, 2)
    expected = batch.targets.boxes[:, 0] * scale + offset  # all of them stay inside the image
    assert expected.min() >= 0 and (expected <= 2 * center.repeat(2)).all()
    torch.testing.assert_close(boxes, expected, atol=1e-3, rtol=0)


def test_a_box_that_leaves_becomes_padding() -> None:
    away = K.RandomTranslate((0.6, 0.6), (0.0, 0.0), p=1.0)  # 76.8 px to the right
    for box_bounds in ("ellipse", "rectangle", "mask"):
        targets = Augment([away], SIZE, box_bounds)(_batch(masks=True), (0,)).targets
        assert targets.valid[0].tolist() == [True, False]
        assert targets.boxes[0, 1].tolist() == [0, 0, 0, 0]
    sliver = K.RandomTranslate((0.0, 0.0), (0.7, 0.7), p=1.0)  # 4.8 of 40 px of the first left
    assert Augment([sliver], SIZE, "rectangle")(_batch(), (0,)).targets.valid[0, 0]
    sliver = K.RandomTranslate((0.0, 0.0), (0.72, 0.72), p=1.0)  # 2.9 px: less than a tenth
    assert not Augment([sliver], SIZE, "rectangle")(_batch(), (0,)).targets.valid[0, 0]


def test_masks_follow_the_pixels() -> None:
    batch = _batch(masks=True)
    batch = replace(batch, images=batch.targets.masks[:, :1].float())
    chain = [K.RandomAffine(20, translate=(0.1, 0.1), p=0.7), K.RandomPerspective(0.3, p=0.5)]
    result = Augment(chain, SIZE)(batch, (0,))
    assert result.targets.masks.dtype == torch.bool
    assert torch.equal(result.targets.masks[:, 0], result.images[:, 0] > 0.5)
    assert not torch.equal(result.targets.masks, batch.targets.masks)


def test_mask_bounds_follow_the_mask_and_not_the_box() -> None:
    batch = _batch(2, masks=True)
    masks = torch.zeros_like(batch.targets.masks)
    masks[:, 0, 40:50, 50:60] = True  # a box is drawn much larger; the second has no mask
    batch = replace(batch, targets=replace(batch.targets, masks=masks))
    flip = K.RandomHorizontalFlip(p=1.0)
    boxes = Augment([flip], SIZE, "mask")(batch, (0,)).targets.boxes[0]
    assert boxes[0].tolist() == pytest.approx([68, 40, 78, 50], abs=1e-3)
    assert boxes[1].tolist() == pytest.approx([28, 40, 68, 80], abs=1e-3)


def test_results_are_float32_in_the_unit_range() -> None:
    chain = [K.RandomGaussianNoise(std=1.0, p=1.0), K.RandomAffine(10, p=1.0)]
    images = Augment(chain, SIZE)(_batch(), (0,)).images
    assert images.dtype == torch.float32
    assert float(images.min()) >= 0 and float(images.max()) <= 1


@pytest.mark.parametrize(
    "module",
    [
        K.RandomElasticTransform(),
        K.RandomThinPlateSpline(),
        K.RandomFisheye(*(torch.tensor([0.1, 0.2]),) * 3),
    ],
    ids=lambda module: type(module).__name__,
)
def test_warps_without_a_matrix_are_refused(module: nn.Module) -> None:
    with pytest.raises(ValueError, match=rf"{type(module).__name__}.*no 3x3 matrix.*boxes"):
        Augment([K.RandomHorizontalFlip(), module], SIZE)


@pytest.mark.parametrize(
    "module",
    [
        K.CenterCrop((64, 64)),
        K.RandomCrop((64, 128), p=0.01),
        K.RandomResizedCrop((128, 128), p=0.01),
        K.Resize((50, 60)),
        K.PadTo((128, 128)),
        K.LongestMaxSize(64),
    ],
    ids=lambda module: type(module).__name__,
)
def test_changes_of_size_are_refused(module: nn.Module) -> None:
    name = type(module).__name__
    with pytest.raises(ValueError, match=rf"{name}.*changes the image from 96 x 128 to"):
        Augment([module], SIZE)


@pytest.mark.parametrize(
    "module",
    [nn.Identity(), K.AugmentationSequential(K.RandomGamma()), K.RandomMixUpV2(), K.RandomJigsaw()],
    ids=lambda module: type(module).__name__,
)
def test_strangers_are_refused(module: nn.Module) -> None:
    with pytest.raises(ValueError, match=f"{type(module).__name__} can't be used"):
        Augment([module], SIZE)


def test_a_module_that_fails_on_grey_images_is_refused_with_its_reason() -> None:
    with pytest.raises(ValueError, match="RandomJPEG fails on grey images of 96 x 128"):
        Augment([K.RandomJPEG()], SIZE)


def test_unknown_box_bounds_are_refused() -> None:
    with pytest.raises(ValueError, match="ellipse, rectangle or mask"):
        Augment([], SIZE, "corners")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_the_same_boxes() -> None:
    chain = [K.RandomAffine(20, p=0.7), K.RandomGamma((0.5, 2.0)), K.RandomGaussianNoise(std=0.1)]
    augment, batch, device = Augment(chain, SIZE), _batch(), torch.device("cuda")
    on_gpu = Batch(batch.images.to(device), batch.targets.to(device), batch.index.to(device))
    expected, result = augment(batch, (0,)), augment(on_gpu, (0,))
    torch.testing.assert_close(result.targets.boxes.cpu(), expected.targets.boxes)
    torch.testing.assert_close(result.images.cpu(), expected.images, atol=1e-4, rtol=0)
