"""Lead names and derivation, against the definitions of Einthoven and Goldberger and the analytic model's own leads."""

from __future__ import annotations

import numpy as np
import pytest

from ecg_engine.leads import LIMB_LEADS, STANDARD_LEADS, derive_limb_leads, display_order, standard_name
from tests.reference.ecg_model import LEADS, PRESETS, simulate


@pytest.mark.parametrize("have", [("I", "II"), ("I", "III"), ("II", "III"), ("I", "II", "III", "aVR")])
def test_any_two_of_i_ii_iii_give_all_six(have):
    signal, _ = simulate(PRESETS["normal"], fs=500, duration_s=2, rng=np.random.default_rng(0))
    derived = derive_limb_leads(signal[[LEADS.index(name) for name in have]], have)
    assert set(derived) == set(LIMB_LEADS) - set(have)
    for name, row in derived.items():
        np.testing.assert_allclose(row, signal[LEADS.index(name)], atol=1e-12)


@pytest.mark.parametrize("have", [("I",), ("V1", "V2"), ("aVR", "aVL"), ("I", "V1")])
def test_nothing_is_derived_from_too_little(have):
    assert derive_limb_leads(np.zeros((len(have), 10)), have) == {}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("i", "I"), ("AVF", "aVF"), ("ECG V1", "V1"), ("Lead II", "II"), ("EKG.aVL", "aVL"), ("MDC_ECG_LEAD_V6", "V6"),
        ("DII", "II"), ("Lead 1", "I"), ("I (Einthoven)", "I"), ("II-REF", "II"), (" v3 ", "V3"),
        ("аВР", "aVR"), ("АВЛ", "aVL"), ("аvF", "aVF"), ("В6", "V6"), ("ІІІ", "III"), ("В", "В"),
        ("MLII", "MLII"), ("ECG1", "ECG1"), ("CM5", "CM5"), ("V", "V"), ("1", "1"),
    ],
)  # fmt: skip
def test_names(given, expected):
    assert standard_name(given) == expected


def test_order_is_the_printed_one_whatever_the_file_had():
    shuffled = ("V3", "aVF", "X1", "I", "V1", "II")
    assert [shuffled[i] for i in display_order(shuffled)] == ["I", "II", "aVF", "V1", "V3", "X1"]
    assert display_order(STANDARD_LEADS) == tuple(range(12))
