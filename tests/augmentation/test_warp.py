import math

import torch

from hdf.augmentation.warp import centers_to_edges, resample


def test_a_flip_of_pixel_centers_becomes_a_flip_of_edges() -> None:
    flip = torch.tensor([[[-1.0, 0, 223], [0, 1, 0], [0, 0, 1]]], dtype=torch.float64)
    assert centers_to_edges(flip)[0].tolist() == [[-1, 0, 224], [0, 1, 0], [0, 0, 1]]


def test_resampling_by_a_flip_equals_a_flip() -> None:
    images = torch.rand(2, 3, 20, 30)
    flip = torch.tensor([[[-1.0, 0, 30], [0, 1, 0], [0, 0, 1]]], dtype=torch.float64)
    torch.testing.assert_close(resample(images, flip.repeat(2, 1, 1)), images.flip(-1))


def test_resampling_by_a_whole_shift_moves_pixels_and_brings_in_black() -> None:
    images = torch.rand(1, 1, 16, 16)
    shift = torch.eye(3, dtype=torch.float64)[None]
    shift[:, 0, 2], shift[:, 1, 2] = 3, -2
    moved = resample(images, shift)
    torch.testing.assert_close(moved[..., :-2, 3:], images[..., 2:, :-3])
    assert moved[..., :3].abs().max() < 1e-5
    assert moved[..., -2:, :].abs().max() < 1e-5


def test_each_image_gets_its_own_matrix() -> None:
    images = torch.rand(2, 1, 16, 20)
    matrices = torch.eye(3, dtype=torch.float64).repeat(2, 1, 1)
    matrices[1, 0, 2] = 4
    warped = resample(images, matrices)
    torch.testing.assert_close(warped[0], images[0])
    torch.testing.assert_close(warped[1, :, :, 4:], images[1, :, :, :-4])


def test_the_projective_path_agrees_with_the_affine_path() -> None:
    images = torch.rand(1, 1, 24, 32)
    cosine, sine = math.cos(0.3), math.sin(0.3)
    affine = torch.tensor([[[cosine, -sine, 5], [sine, cosine, -2], [0, 0, 1]]]).double()
    nearly_affine = affine.clone()
    nearly_affine[:, 2, 0] = 1e-12
    torch.testing.assert_close(resample(images, nearly_affine), resample(images, affine))


def test_what_lies_behind_a_horizon_is_black() -> None:
    matrix = torch.eye(3, dtype=torch.float64)[None]
    matrix[:, 2, 0] = -0.1  # the depth 1 - x / 10 is positive left of x = 10 alone
    warped = resample(torch.ones(1, 1, 32, 32), matrix)
    assert warped.isfinite().all()
    assert warped.max() <= 1
