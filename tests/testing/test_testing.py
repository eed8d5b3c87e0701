import pytest
import torch

from hdf.testing import level_bounds, paint

BOXES = torch.tensor([[10.3, 20.0, 40.0, 44.7], [12.0, 8.4, 50.5, 30.0]])


@pytest.mark.parametrize("rectangles", [True, False])
def test_bounds_are_read_from_painted_shapes_alone(rectangles: bool) -> None:
    painted = paint(BOXES, (64, 72), rectangles=rectangles)
    assert painted.shape == (2, 64, 72)
    assert painted.min() >= 0 and painted.max() <= 1
    torch.testing.assert_close(level_bounds(painted), BOXES, atol=0.03, rtol=0)


def test_ellipses_leave_the_corners_of_their_boxes_empty() -> None:
    ellipse, rectangle = (paint(BOXES[:1], (64, 72), rectangles=r)[0] > 0.5 for r in (False, True))
    assert rectangle[21, 11] and not ellipse[21, 11]


def test_level_bounds_of_a_full_and_of_an_empty_image() -> None:
    assert level_bounds(torch.ones(8, 9)).tolist() == [0, 0, 9, 8]
    assert level_bounds(torch.zeros(8, 9)).isnan().all()
