"""Detectors as files that other programs run: ONNX, and torch.export's PT2."""

from __future__ import annotations
