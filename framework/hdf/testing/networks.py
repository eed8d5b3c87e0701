"""Checks that backbones and heads share."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import nn

from hdf.testing.contract import asking, assert_same

EXPORT_TOLERANCE = 1e-3


def check_export(title: str, module: nn.Module, *inputs: Any) -> None:
    """`torch.export` follows a module, as `hdf export` needs, and its graph answers alike."""
    module.eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = module(*inputs)
        try:
            found = torch.export.export(module, inputs).module()(*inputs)
        except Exception as error:
            reason = next(iter(str(error).strip().splitlines()), "no message")
            message = (
                f"{title}: torch.export can't follow it: {type(error).__name__}: {reason}\nlet no "
                "values decide what is computed (no .item(), no `if` on a tensor), or give "
                "export=False, and hdf export will refuse it"
            )
            raise AssertionError(message) from error
    message = f"{title}: its exported graph answers otherwise than the module itself"
    assert_same(_plain(found), _plain(expected), message, EXPORT_TOLERANCE)


def check_no_other_device(title: str, module: nn.Module, *inputs: Any) -> None:
    """All that `forward` needs moves with the module: tried on torch's device without storage."""
    mend = (
        "; on another device than the CPU it would fail. Keep tensors in parameters or buffers "
        "(register_buffer), and make new ones on the device of the input"
    )
    moved = [_on_meta(item) for item in inputs]
    try:
        with asking(title, "forward on another device"), torch.no_grad():
            found = module.eval().to("meta")(*moved)
    except AssertionError as error:
        raise AssertionError(f"{error}{mend}") from error
    assert all(item.is_meta for item in _tensors(found)), (
        f"{title}: forward gives tensors of another device than its input's{mend}"
    )


def _on_meta(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_on_meta(item) for item in value]
    return value.to("meta")


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    items = value.values() if isinstance(value, dict) else value
    return [tensor for item in items for tensor in _tensors(item)]


def _plain(value: Any) -> Any:
    """Lists of what a module gives, without what is None."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value if item is not None]
    return value
