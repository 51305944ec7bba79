"""``ecg-engine`` as its users call it: a process, real files, real pages."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest


def ecg_engine(*args: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ecg_engine", *map(str, args)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def good(sample_data: Path) -> Path:
    """Return one sample ECG of any format."""
    found = sorted(sample_data.glob("*normal*.edf")) or sorted(sample_data.glob("*.edf"))
    if not found:
        pytest.skip("sample_data holds no EDF file")
    return found[0]


def broken_files(folder: Path, good: Path) -> list[Path]:
    whole = good.read_bytes()
    contents = {
        "cut.edf": whole[:700],
        "empty.edf": b"",
        "noise.edf": bytes(range(256)) * 20,
        "page.pdf": b"%PDF-1.7\n%%EOF\n",
        "words.csv": b"this is no table\nof numbers\n",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


def test_broken_files_are_named_and_the_good_one_is_done(tmp_path: Path, good: Path) -> None:
    bad = broken_files(tmp_path, good)
    out = tmp_path / "out"
    done = ecg_engine("decode", *bad, good, tmp_path / "absent.edf", "--out", out, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert sorted(os.listdir(out)) == [f"{good.stem}.json", f"{good.stem}.pdf"]
    assert (out / f"{good.stem}.pdf").read_bytes().startswith(b"%PDF")
    assert json.loads((out / f"{good.stem}.json").read_text(encoding="utf-8"))["measurements"]
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    for path in [*bad, tmp_path / "absent.edf"]:
        assert sum(path.name in line for line in errors) == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_every_kind_of_page_in_russian(tmp_path: Path, good: Path) -> None:
    done = ecg_engine("decode", good, "--out", "out", "--format", "pdf,svg,png,json", "--lang", "ru", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    starts = {"pdf": b"%PDF", "svg": b"<", "png": b"\x89PNG", "json": b"{"}
    for suffix, start in starts.items():
        assert (tmp_path / "out" / f"{good.stem}.{suffix}").read_bytes().startswith(start)
    assert "Файл" in done.stdout


def test_json_on_stdout_holds_the_reports(tmp_path: Path, good: Path) -> None:
    done = ecg_engine("decode", good, "--json", "--age", "61", "--sex", "F", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    assert result["report"]["recording"]["patient"]["age_years"] == 61
    assert result["report"]["recording"]["patient"]["sex"] == "F"
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("suffix", [".edf", ".dcm", ".csv", ".hea"])
def test_convert_and_info(tmp_path: Path, good: Path, suffix: str) -> None:
    done = ecg_engine("convert", good, f"copy{suffix}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    facts = ecg_engine("info", f"copy{suffix}", "--json", cwd=tmp_path)
    assert facts.returncode == 0, facts.stderr
    before = json.loads(ecg_engine("info", good, "--json", cwd=tmp_path).stdout)["results"][0]["info"]
    after = json.loads(facts.stdout)["results"][0]["info"]
    assert (after["fs"], after["leads"]) == (before["fs"], before["leads"])
    assert after["patient"] is None


def test_convert_says_what_the_format_does_not_hold(tmp_path: Path, good: Path) -> None:
    full = tmp_path / "full.json"
    assert ecg_engine("convert", good, full, cwd=tmp_path).returncode == 0
    said = json.loads(full.read_text(encoding="utf-8"))
    said["source"] |= {"statements": ["Sinus rhythm", "Normal ECG"]}
    full.write_text(json.dumps(said), encoding="utf-8")
    to_edf = ecg_engine("convert", full, "a.edf", cwd=tmp_path)
    assert to_edf.returncode == 0 and "edf does not hold 2 of 2 statements of the device" in to_edf.stderr
    to_dicom = ecg_engine("convert", full, "a.dcm", cwd=tmp_path)
    assert to_dicom.returncode == 0 and "statements" not in to_dicom.stderr


def test_convert_leaves_its_input_alone(tmp_path: Path, good: Path) -> None:
    copy = tmp_path / "a.edf"
    copy.write_bytes(good.read_bytes())
    assert ecg_engine("convert", "a.edf", "./a.edf", cwd=tmp_path).returncode == 2
    assert copy.read_bytes() == good.read_bytes()


def test_interrupted_there_is_no_traceback_and_no_partial_file(tmp_path: Path, good: Path) -> None:
    for i in range(200):
        (tmp_path / f"{i:03}.edf").write_bytes(good.read_bytes())
    command = [sys.executable, "-m", "ecg_engine", "decode", ".", "--out", "out"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out = tmp_path / "out"
    deadline = time.monotonic() + 240
    while not (out.is_dir() and any(name.endswith(".pdf") for name in os.listdir(out))):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert "interrupted: " in stderr
    written = os.listdir(out)
    assert written and not any(name.endswith(".part") for name in written)
    assert all((out / name).read_bytes().startswith(b"%PDF") for name in written if name.endswith(".pdf"))
