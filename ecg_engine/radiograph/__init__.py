"""Radiographs: what a model or a measurement takes."""

from ecg_engine.radiograph.preparation import prepare

__all__ = ["prepare"]
