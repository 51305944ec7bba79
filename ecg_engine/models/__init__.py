"""Models: a card and a graph in, scores out. One small runtime for all of them."""

from ecg_engine.models.card import Calibration, Label, ModelCard, read_card
from ecg_engine.models.library import Found, Library, read_library
from ecg_engine.models.session import Model, Score, load_model, model_names

__all__ = [
    "Calibration",
    "Found",
    "Label",
    "Library",
    "Model",
    "ModelCard",
    "Score",
    "load_model",
    "model_names",
    "read_card",
    "read_library",
]
