"""Prediction with trained detectors: boxes, their uncertainty, the ratio, the novelty score."""

from __future__ import annotations

from hdf.inference.load import load_predictor
from hdf.inference.predictor import Prediction, Predictor

__all__ = ["Prediction", "Predictor", "load_predictor"]
