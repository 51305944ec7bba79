"""``ecg-engine decode`` over what clinics send by mistake: each file named with a remedy, the good ones done."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ecg_engine as ee
from tests.reference.ecg_model import LEADS, PRESETS, Noise, simulate

FS = 250
SIGNAL, _ = simulate(PRESETS["normal"], fs=FS, duration_s=10, rng=np.random.default_rng(5))
RECORDING = ee.Recording(signal=SIGNAL, fs=FS, leads=LEADS)

#: What each bad file's error line must say: what is wrong, and how to mend it.
BAD = {
    "empty.edf": ("is empty", "copy or export it again"),
    "cut_header.edf": ("do not fit", "copy or export it again"),
    "cut.edf": ("data records", "copy the file again"),
    "cut.dcm": ("bytes where its header says", "copy or export it again"),
    "short.hea": ("1250 samples a signal where the header says 2500", "copy both files again"),
    "rate_zero.hea": ("sampling rate 0 Hz", "mend the header or export again"),
    "no_rate.csv": ("does not say its sampling rate", "--fs"),
    "twice.csv": ("lead II: 2 channels have this name", "export again"),
    "ragged.csv": ("2 cells where 3 are expected", "mend the row"),
    "infinite.csv": ("line 101: an infinite sample", "leave gaps empty"),
    "words.csv": ("line 101: a cell is no number", "leave gaps empty"),
    "gap_marks.csv": ("can be no mV", "name the unit"),
    "page.edf": ("is a PDF page", "digital export"),
}
#: Files that can be read, however little there is in them: the urgency of each.
READABLE = {
    "normal.hea": "routine",
    "renamed.edf": "routine",
    "one_nan.csv": "routine",
    "mlii.hea": "routine",
    "нормальная.edf": "routine",
    "nan.hea": "unscored",
    "zero.edf": "unscored",
    "constant.edf": "unscored",
    "half_second.hea": "unscored",
    "counts.csv": "unscored",
    "noise.hea": "unscored",
    "eight_off.hea": "unscored",
}


@dataclass(frozen=True)
class Done:
    status: int
    stdout: str
    stderr: str
    out: Path

    def report(self, name: str) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((self.out / f"{Path(name).stem}.json").read_text(encoding="utf-8"))
        return loaded


def ecg_engine(*args: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ecg_engine", *map(str, args)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)


def write_table(path: Path, heads: str, rows: Sequence[str]) -> None:
    path.write_text("\n".join((heads, *rows)) + "\n", encoding="utf-8")


def write_bad(folder: Path) -> None:
    for name in ("whole.edf", "whole.dcm", "short.hea", "rate_zero.hea"):
        ee.write_ecg(RECORDING, folder / name)
    edf, dcm = (folder / "whole.edf").read_bytes(), (folder / "whole.dcm").read_bytes()
    (folder / "empty.edf").write_bytes(b"")
    (folder / "cut_header.edf").write_bytes(edf[:700])
    (folder / "cut.edf").write_bytes(edf[: len(edf) * 2 // 3])
    (folder / "cut.dcm").write_bytes(dcm[: len(dcm) // 2])
    (folder / "page.edf").write_bytes(b"%PDF-1.7\n%%EOF\n")
    samples = (folder / "short.dat").read_bytes()
    (folder / "short.dat").write_bytes(samples[: len(samples) // 2])
    header = (folder / "rate_zero.hea").read_text()
    (folder / "rate_zero.hea").write_text(header.replace(" 250 ", " 0 ", 1))
    rows = [f"{i / FS:.3f},{one:.4f},{two:.4f}" for i, (one, two) in enumerate(SIGNAL[:2].T)]
    write_table(folder / "no_rate.csv", "I,II", [row.split(",", 1)[1] for row in rows])
    write_table(folder / "twice.csv", "time,II,II", rows)
    write_table(folder / "ragged.csv", "time,I,II", rows[:1000] + [row.rsplit(",", 1)[0] for row in rows[1000:]])
    for name, cell in (("infinite.csv", "inf"), ("words.csv", "off")):
        write_table(folder / name, "time,I,II", [*rows[:99], f"0.396,0.1,{cell}", *rows[100:]])
    write_table(folder / "gap_marks.csv", "time,II", [f"{i / FS},{1e300 * (i % 7)}" for i in range(1000)])
    (folder / "whole.edf").unlink()
    (folder / "whole.dcm").rename(folder / "renamed.edf")


def write_readable(folder: Path) -> None:
    def put(name: str, signal: np.ndarray, leads: Sequence[str] = LEADS) -> None:
        ee.write_ecg(ee.Recording(signal=np.atleast_2d(signal), fs=FS, leads=tuple(leads)), folder / name)

    off = SIGNAL.copy()
    off[:8] = 0.0
    for name in ("normal.hea", "нормальная.edf"):
        put(name, SIGNAL)
    put("mlii.hea", SIGNAL[1], ["MLII"])
    put("nan.hea", np.full((2, 2500), np.nan), LEADS[:2])
    put("zero.edf", np.zeros((12, 2500)))
    put("constant.edf", np.full((12, 2500), 1.5))
    put("half_second.hea", SIGNAL[:, :125])
    put("noise.hea", np.random.default_rng(1).normal(0, 0.4, (12, 2500)))
    put("eight_off.hea", off)
    rows = [f"{i / FS:.3f},{one:.4f},{two:.4f}" for i, (one, two) in enumerate(SIGNAL[:2].T)]
    write_table(folder / "one_nan.csv", "time,I,II", [*rows[:99], "0.396,0.1,nan", *rows[100:]])
    counts = [f"{i / FS:.3f},{one * 400:.0f},{two * 400:.0f}" for i, (one, two) in enumerate(SIGNAL[:2].T)]
    write_table(folder / "counts.csv", "# unit: mV\ntime,I,II", counts)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Return what one run over a folder of good and bad files left."""
    folder = tmp_path_factory.mktemp("mixed")
    write_bad(folder / ".")
    write_readable(folder)
    out = tmp_path_factory.mktemp("results")
    ran = ecg_engine("decode", folder, "--out", out, "--format", "pdf,svg,png,json", cwd=folder)
    return Done(status=ran.returncode, stdout=ran.stdout, stderr=ran.stderr, out=out)


def test_some_failed_is_status_1_without_a_traceback(done: Done) -> None:
    assert done.status == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr
    assert "nan" not in done.stdout.replace("nan.hea", "").replace("one_nan", "")


@pytest.mark.parametrize("name", BAD)
def test_each_bad_file_is_named_once_with_what_is_wrong_and_a_remedy(done: Done, name: str) -> None:
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ") and f"/{name}: " in line]
    assert len(lines) == 1, done.stderr
    for words in BAD[name]:
        assert words in lines[0]


def test_every_readable_file_is_written_whole_and_no_other(done: Done) -> None:
    suffixes = ("json", "pdf", "png", "svg")
    assert sorted(os.listdir(done.out)) == sorted(f"{Path(name).stem}.{s}" for name in READABLE for s in suffixes)
    for path in done.out.iterdir():
        content = path.read_bytes()
        start, end = {
            ".pdf": (b"%PDF", b"%%EOF"),
            ".png": (b"\x89PNG", b"IEND"),
            ".svg": (b"<?xml", b"</svg>"),
            ".json": (b"{", b"}"),
        }[path.suffix]
        assert content.startswith(start) and end in content[-16:], path.name


@pytest.mark.parametrize("name", READABLE)
def test_each_readable_file_gets_the_urgency_that_it_deserves(done: Done, name: str) -> None:
    assert done.report(name)["urgency"]["level"] == READABLE[name]


@pytest.mark.parametrize("name", ["nan.hea", "zero.edf", "constant.edf", "noise.hea"])
def test_where_there_is_no_heart_no_number_is_made_up(done: Done, name: str) -> None:
    report = done.report(name)
    assert set(report["measurements"]["global"]) <= {"pause_s"}
    assert report["measurements"]["by_lead"] == {}
    assert report["beats"]["r_peaks"] == []
    row = next(line for line in done.stdout.splitlines() if line.startswith(name))
    assert row.split()[1:5] == ["-"] * 4


def test_a_lone_nan_is_a_gap_and_costs_nothing(done: Done) -> None:
    report = done.report("one_nan.csv")
    assert report["measurements"]["global"]["heart_rate_bpm"]["value"] == pytest.approx(70, abs=1)
    assert [s["code"] for s in report["statements"]] == ["sinus_rhythm"]


def test_cyrillic_names_reach_the_file_the_page_and_the_report(tmp_path: Path) -> None:
    ee.write_ecg(RECORDING, tmp_path / "Больной №7.edf")
    (tmp_path / "пациент.json").write_text(
        json.dumps({"name": "Ёлкина Щёкла Ъ.", "complaint": "боль в груди", "drugs": ["аспирин"]}, ensure_ascii=False),
        encoding="utf-8",
    )
    options = ("--patient", "пациент.json", "--age", "61", "--sex", "F", "--lang", "ru", "--format", "svg,json")
    ran = ecg_engine("decode", "Больной №7.edf", *options, "--out", "итоги", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    svg = (tmp_path / "итоги" / "Больной №7.svg").read_text(encoding="utf-8")
    for words in ("Ёлкина Щёкла Ъ.", "боль в груди", "61 год", "жен.", "Больной №7.edf"):
        assert words in svg
    patient = json.loads((tmp_path / "итоги" / "Больной №7.json").read_text(encoding="utf-8"))["recording"]["patient"]
    assert (patient["name"], patient["age_years"], patient["sex"]) == ("Ёлкина Щёкла Ъ.", 61, "F")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--age", "-3"), "--age"),
        (("--age", "200"), "--age"),
        (("--sex", "woman"), "--sex"),
        (("--patient", "absent.json"), "--patient"),
        (("--fs", "0"), "--fs"),
        (("--lang", "de"), "--lang"),
    ],
)
def test_a_wrong_option_is_status_2_and_nothing_is_written(
    tmp_path: Path, sample_data: Path, options: tuple[str, str], word: str
) -> None:
    ran = ecg_engine("decode", sample_data / "normal.hea", *options, "--out", "out", cwd=tmp_path)
    assert ran.returncode == 2
    assert word in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not list(tmp_path.glob("out/*"))


def write_day(folder: Path, hours: int) -> Path:
    """Write a Holter recording of three leads at 250 Hz, ten minutes over and over."""
    spec = PRESETS["normal"]
    signal, _ = simulate(spec, fs=FS, duration_s=600, rng=np.random.default_rng(3))
    signal = signal + np.random.default_rng(4).normal(0, Noise(muscle_mv=0.01).muscle_mv, signal.shape)
    block = np.ascontiguousarray(np.round(signal[[1, 6, 10]] * 1000).astype("<i2").T).tobytes()
    with (folder / "day.dat").open("wb") as file:
        for _ in range(6 * hours):
            file.write(block)
    lines = [f"day 3 {FS} {600 * FS * 6 * hours}", *(f"day.dat 16 1000/mV 16 0 0 0 0 {n}" for n in ("II", "V1", "V5"))]
    (folder / "day.hea").write_text("\n".join(lines) + "\n")
    return folder / "day.hea"


#: Runs the command line and leaves its own peak. What the system counts for a child holds its parent's memory too.
WATCHED = """
import sys
from ecg_engine.cli import main
try:
    main()
finally:
    with open("/proc/self/status") as status, open("peak", "w") as peak:
        peak.write(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""


def decoded_within(folder: Path, hours: int, memory_mb: int) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("no /proc: a process cannot tell its own peak")
    path = write_day(folder, hours)
    command = [sys.executable, "-c", WATCHED, "decode", str(path), "--out", "out", "--format", "svg,json"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr
    peak_mb = int((folder / "peak").read_text()) / 1024
    report = json.loads((folder / "out" / "day.json").read_text())
    assert report["measurements"]["global"]["heart_rate_bpm"]["value"] == pytest.approx(70, abs=1)
    assert len(report["beats"]["r_peaks"]) == pytest.approx(70 * 60 * hours, rel=0.01)
    assert np.diff(report["beats"]["r_peaks"]).min() > 0.5 * FS
    assert f"0:00:00 – {hours}:00:00" in (folder / "out" / "day.svg").read_text(encoding="utf-8")
    assert peak_mb < memory_mb


def test_two_hours_are_decoded_and_the_page_says_what_it_shows(tmp_path: Path) -> None:
    decoded_within(tmp_path, 2, 1000)


@pytest.mark.slow
def test_a_day_is_decoded_in_bounded_memory(tmp_path: Path) -> None:
    decoded_within(tmp_path, 24, 2000)


def test_results_of_a_failed_run_do_not_replace_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "visit.pdf").write_bytes(b"signed yesterday")
    (tmp_path / "visit.edf").write_bytes(b"")
    ran = ecg_engine("decode", "visit.edf", "--out", "out", cwd=tmp_path)
    assert ran.returncode == 1
    assert (out / "visit.pdf").read_bytes() == b"signed yesterday"
    assert os.listdir(out) == ["visit.pdf"]


def test_a_file_that_vanishes_or_may_not_be_read_is_named(tmp_path: Path) -> None:
    ee.write_ecg(RECORDING, tmp_path / "whole.hea")
    shutil.copy(tmp_path / "whole.hea", tmp_path / "alone.hea")
    (tmp_path / "alone.hea").write_text((tmp_path / "whole.hea").read_text().replace("whole.dat", "gone.dat"))
    ran = ecg_engine("decode", "alone.hea", "absent.edf", cwd=tmp_path)
    assert ran.returncode == 1
    for words in ("gone.dat", "absent.edf: no such file"):
        assert words in ran.stderr


def test_one_short_lead_is_named_and_can_be_left_out(tmp_path):
    """The remedy that the error names works on the command line."""
    rows = ["# fs: 500", "I,II,V1"] + [
        f"{0.1 * (i % 7)},{0.2 * (i % 5)},{0.1 if i < 4990 else ''}" for i in range(5000)
    ]
    path = tmp_path / "short.csv"
    path.write_text("\n".join(rows))
    done = ecg_engine("decode", path, "--out", "out", cwd=tmp_path)
    assert done.returncode == 1 and "V1" in done.stderr and "--leads" in done.stderr
    assert not list((tmp_path / "out").iterdir())
    again = ecg_engine("decode", path, "--leads", "I,II", "--out", "out", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "out" / "short.pdf").exists()
