from __future__ import annotations

import torch
from torch import nn

from hdf.inference.predictor import fold_batch_norms
from hdf_plugins.backbones.eight_bits import from_eight_bits, plain_state, to_eight_bits
from hdf_plugins.backbones.vgg import VGG11


def test_each_filter_is_off_by_half_a_step_of_its_own_at_most() -> None:
    torch.manual_seed(0)
    filters = torch.randn(6, 4, 3, 3) * torch.logspace(-6, 3, 6).reshape(6, 1, 1, 1)
    state = {"0.weight": filters, "0.bias": torch.randn(6)}
    back = from_eight_bits(to_eight_bits(state))
    assert back.keys() == state.keys()
    assert back["0.bias"].equal(state["0.bias"])
    steps = filters.flatten(1).abs().amax(1) / 127
    errors = (back["0.weight"] - filters).flatten(1).abs().amax(1)
    assert (errors <= 0.501 * steps).all()
    assert (errors > 0).all()


def test_a_weight_takes_eight_bits() -> None:
    packed = to_eight_bits({"weight": torch.randn(64, 64, 3, 3)})
    assert packed["weight"].dtype == torch.int8
    assert sum(value.nbytes for value in packed.values()) < 1.01 * 64 * 64 * 9


def test_a_filter_of_zeros_stays_one() -> None:
    state = {"weight": torch.zeros(2, 3, 3, 3)}
    assert from_eight_bits(to_eight_bits(state))["weight"].equal(state["weight"])


def test_an_ordinary_state_dict_stays_as_it_is() -> None:
    state = VGG11(width=0.125).state_dict()
    assert all(value is state[name] for name, value in from_eight_bits(state).items())


def test_a_network_with_folded_norms_becomes_one_without_norms() -> None:
    torch.manual_seed(0)
    images = torch.rand(4, 1, 64, 64)
    trained = VGG11(batch_norm=True, weights="none")
    trained(images)  # the norms measure
    trained.eval()
    answer = trained(images)[-1]
    fold_batch_norms(trained)
    plain = VGG11()
    plain.load_state_dict(from_eight_bits(to_eight_bits(plain_state(trained))))
    cosine = nn.functional.cosine_similarity(plain(images)[-1].flatten(1), answer.flatten(1))
    assert (cosine > 0.999).all()
