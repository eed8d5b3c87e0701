"""Using a trained detector: boxes, their uncertainty, the ratio, and doubt."""

from __future__ import annotations

from hdf.inference.load import load_predictor
from hdf.inference.predictor import Prediction, Predictor

__all__ = ["Prediction", "Predictor", "load_predictor"]
