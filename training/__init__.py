"""How each shipped weight was made; run from the repository root, with the extra ``train`` and ECG_ENGINE_DATA."""
