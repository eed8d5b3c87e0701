"""A detector without its batch norms answers the same."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from hdf.inference.predictor import Predictor, fold_batch_norms
from hdf.models.detector import Detector, ModelSpec
from hdf.runtime.device import choose_compute
from hdf_plugins.backbones.vgg import VGG11
from hdf_plugins.heads.dense import Mask

LABELS = ("heart", "left_lung")


@pytest.fixture
def detector() -> Detector:
    """With statistics that matter."""
    torch.manual_seed(0)
    backbone = VGG11(width=0.125, batch_norm=True)
    head = Mask(backbone.channels, backbone.strides, LABELS, width=8)
    spec = ModelSpec({}, {}, "image", LABELS, (64, 64), "letterbox")
    model = Detector(backbone, head, spec)
    for norm in (item for item in model.modules() if isinstance(item, nn.BatchNorm2d)):
        nn.init.uniform_(norm.running_mean, -0.5, 0.5)
        nn.init.uniform_(norm.running_var, 0.5, 2.0)
        nn.init.uniform_(norm.weight, 0.5, 1.5)
    nn.init.normal_(head.edges.heat.weight, std=0.5)
    return model.eval()


def norms(model: nn.Module) -> int:
    return sum(isinstance(item, nn.BatchNorm2d) for item in model.modules())


def test_answers_change_by_rounding_alone(detector: Detector) -> None:
    images = torch.rand(3, 1, 64, 64)
    with torch.no_grad():
        (plain, maps) = detector(images), detector.features(images)
        assert norms(detector) > 10
        fold_batch_norms(detector)
        assert norms(detector) == 0
        folded = detector(images)
    assert folded.keys() == plain.keys()
    for name, value in folded.items():
        assert torch.allclose(value, plain[name], atol=1e-3), name
    for ours, theirs in zip(detector.features(images), maps, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-4)


def test_a_predictor_leaves_the_detector_as_it_was(detector: Detector) -> None:
    before = {name: value.clone() for name, value in detector.state_dict().items()}
    image = torch.rand(1, 80, 64)
    (found,) = Predictor([detector], choose_compute("cpu", "float32")).predict([image])
    assert found.boxes
    after = detector.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in after.items())


def test_what_has_a_hook_or_no_statistics_is_left_alone() -> None:
    hooked = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    seen: list[Tensor] = []
    hooked[0].register_forward_hook(lambda module, given, result: seen.append(result))
    bare = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2, track_running_stats=False))
    for model in (hooked.eval(), bare.eval()):
        fold_batch_norms(model)
        assert norms(model) == 1
