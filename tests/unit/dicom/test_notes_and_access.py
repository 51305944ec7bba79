"""What a radiograph's notes say, and files that may not be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ecg_engine as ee
from ecg_engine.errors import FormatError
from ecg_engine.vocabulary import note_text


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("lang", ["en", "ru"])
def test_every_note_of_a_picture_has_its_text(tmp_path, mode, lang):
    path = tmp_path / "film.png"
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).convert(mode).save(path)
    notes = ee.read_radiograph(path).notes
    assert {"picture_greys_unknown", "spacing_unknown"} <= {note.code for note in notes}
    assert ("colour_to_luminance" in {note.code for note in notes}) is (mode == "RGB")
    for note in notes:
        assert note_text(note.code, lang, note.facts)


@pytest.mark.parametrize(
    ("code", "facts"),
    [
        ("window_from_range", {}),
        ("window_ignored", {"width": 0, "function": "LINEAR"}),
        ("rescale_ignored", {"slope": 0}),
        ("presentation_contradiction", {"photometric": "MONOCHROME1"}),
    ],
)
def test_the_other_notes_have_theirs(code, facts):
    for lang in ("en", "ru"):
        text = note_text(code, lang, facts)
        assert "{" not in text
        assert all(str(value) in text for value in facts.values())


def test_file_that_may_not_be_read_is_named_with_a_remedy(tmp_path, monkeypatch):
    path = tmp_path / "film.png"
    path.write_bytes(b"x")

    def refuse(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(FormatError, match=r"film\.png.*permissions"):
        ee.read_radiograph(path)
