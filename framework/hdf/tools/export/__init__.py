"""Detectors as files that other programs run: ONNX, and torch.export's PT2."""

from __future__ import annotations

from hdf.tools.export.engine import load_onnx_predictor

__all__ = ["load_onnx_predictor"]
