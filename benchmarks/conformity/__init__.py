"""Analytic ECGs whose onsets, offsets and amplitudes are exact, and how far measurements are from them."""
