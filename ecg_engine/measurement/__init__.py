"""Quantities with units: rate, intervals, axes, amplitudes, ST. Codes and units are those of `vocabulary`."""

from ecg_engine.measurement.electrodes import measure_electrodes
from ecg_engine.measurement.global_measures import measure_global
from ecg_engine.measurement.lead_measures import measure_leads
from ecg_engine.measurement.qtc import qtc_bazett_ms, qtc_framingham_ms, qtc_fridericia_ms, qtc_hodges_ms
from ecg_engine.measurement.voltages import measure_voltages

__all__ = [
    "measure_electrodes",
    "measure_global",
    "measure_leads",
    "measure_voltages",
    "qtc_bazett_ms",
    "qtc_framingham_ms",
    "qtc_fridericia_ms",
    "qtc_hodges_ms",
]
