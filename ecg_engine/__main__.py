"""``python -m ecg_engine`` is ``ecg-engine``."""

from ecg_engine.cli import main

if __name__ == "__main__":
    main()
