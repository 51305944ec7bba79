"""Text tables: what people export, and what may not be guessed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from ecg_engine.errors import CorruptFormatError, FormatError, InputError, UnsupportedFormatError
from ecg_engine.formats import read_ecg, write_ecg
from ecg_engine.types import Annotation, Recording


def table(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "text",
    [
        "I,V1\n0.125,-1.5\n0.25,2\n",
        "I;V1\n0,125;-1,5\n0,25;2\n",
        "I\tV1\n0.125\t-1.5\n0.25\t2\n",
        "I\tV1\r\n0,125\t-1,5\r\n0,25\t2\r\n",
        "\ufeffI, V1\n0.125, -1.5\n0.25, 2\n",
        "lead I,ECG v1\n0.125,-1.5\n0.25,2\n",
        "I [uV],V1 (mV)\n125,-1.5\n250,2\n",
        "# unit: uV\nI,V1\n125,-1500\n250,2000\n",
        "I,V1,\n0.125,-1.5,\n0.25,2,\n",
        "sample,I,V1\n0,0.125,-1.5\n1,0.25,2\n",
    ],
    ids=[
        "comma",
        "decimal comma",
        "tab",
        "tab and decimal comma",
        "mark",
        "words",
        "units",
        "unit line",
        "end",
        "index",
    ],
)
def test_delimiters_decimal_signs_and_units(text: str, tmp_path: Path) -> None:
    read = read_ecg(table(tmp_path / "a.csv", text), fs=500)
    assert read.leads == ("I", "V1")
    np.testing.assert_allclose(read.signal, [[0.125, 0.25], [-1.5, 2.0]])


def german(value: float) -> str:
    return f"{value:.4f}".replace(".", ",")


ROWS = [(i / 500, 0.01 * (i % 7), 0.001 * i - 0.25) for i in range(100)]
SEMICOLONS = "".join(";".join(map(german, row)) + "\r\n" for row in ROWS)
TABS = SEMICOLONS.replace(";", "\t")
QUOTED = [[f'"{german(value)}"' for value in row] for row in ROWS]


@pytest.mark.parametrize(
    "raw",
    [
        ("sep=;\r\nTime;I;II\r\n" + SEMICOLONS).encode("cp1251"),
        ("Time;I;II\r\n" + SEMICOLONS).encode("utf-8-sig"),
        ('"Time";"I";"II"\r\n' + "".join(";".join(row) + "\r\n" for row in QUOTED)).encode(),
        ("Time,I,II\r\n" + "".join(",".join(row) + "\r\n" for row in QUOTED)).encode("utf-8-sig"),
        ("Время\tI\tII\r\n" + TABS).encode("utf-16"),
        ("Time\tI\tII\r\n" + TABS).encode("utf-16-le"),
        ("Time\tI\tII\r\n" + TABS).encode("utf-16-be"),
        ("Время, с\tI, мВ\tII, мВ\r\n" + TABS).encode("cp1251"),
        ("Time I II\n" + "".join("  ".join(f"{value:.4f}" for value in row) + "\n" for row in ROWS)).encode(),
    ],
    ids=["sep", "mark", "quotes", "quotes and commas", "utf-16", "le", "be", "units behind commas", "blanks"],
)
def test_texts_as_excel_and_its_like_write_them(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(raw)
    read = read_ecg(tmp_path / "a.csv")
    assert (read.fs, read.leads) == (500.0, ("I", "II"))
    np.testing.assert_allclose(read.signal, np.array(ROWS).T[1:], atol=1e-9)


@pytest.mark.parametrize("delimiter", [";", "\t", ","])
def test_empty_rows_below_a_table_are_no_samples(delimiter: str, tmp_path: Path) -> None:
    rows = [delimiter.join(f"{value:.4f}" for value in row) for row in ROWS]
    text = "\r\n".join([delimiter.join(("Time", "I", "II")), *rows, *[delimiter * 2] * 3, ""])
    assert read_ecg(table(tmp_path / "a.csv", text)).n_samples == len(ROWS)


@pytest.mark.parametrize("name", ["Отсчёт", "отсчет", "№", "Sample"])
def test_a_column_that_counts_samples_is_no_lead(name: str, tmp_path: Path) -> None:
    text = "\n".join([f"{name};I;V1", *(f"{i};{i % 7};{i % 5}" for i in range(1, 100))])
    assert read_ecg(table(tmp_path / "a.csv", text), fs=250).leads == ("I", "V1")


@pytest.mark.parametrize(("head", "scale"), [("time", 1), ("t [ms]", 1000), ("Time (s)", 1), ("Время [мс]", 1000)])
def test_a_time_column_gives_the_rate(head: str, scale: float, tmp_path: Path) -> None:
    rows = "".join(f"{round(i / 360 * scale, 4)},{i / 1000}\n" for i in range(720))
    read = read_ecg(table(tmp_path / "a.csv", f"{head},II\n{rows}"))
    assert (read.fs, read.leads, read.n_samples) == (360.0, ("II",), 720)


def test_a_time_column_that_is_not_even_names_its_line(tmp_path: Path) -> None:
    rows = [f"{i / 500},0.1" for i in range(100)]
    del rows[50]
    with pytest.raises(CorruptFormatError, match="line 52"):
        read_ecg(table(tmp_path / "a.csv", "time,II\n" + "\n".join(rows)))


def test_a_nameless_time_column_is_seen(tmp_path: Path) -> None:
    rows = "\n".join(f"{i / 250:.3f},{i % 7},{i % 5}" for i in range(100))
    read = read_ecg(table(tmp_path / "a.csv", rows))
    assert (read.fs, read.n_leads) == (250.0, 2)


def test_twelve_nameless_columns_are_the_standard_leads(tmp_path: Path) -> None:
    read = read_ecg(table(tmp_path / "a.csv", (",".join(["0.1"] * 12) + "\n") * 20), fs=500)
    assert read.leads[:4] == ("I", "II", "III", "aVR")


def test_without_a_rate_anywhere_both_remedies_are_named(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", "I,II\n1,2\n3,4\n")
    with pytest.raises(InputError, match=r"fs=.*--fs"):
        read_ecg(path)
    assert read_ecg(path, fs=500).fs == 500
    with pytest.raises(InputError, match="250 Hz"):
        read_ecg(table(tmp_path / "b.csv", "# fs: 250\nI,II\n1,2\n3,4\n"), fs=500)
    with pytest.raises(FormatError):
        read_ecg(table(tmp_path / "c.csv", "# fs: 0\nI,II\n1,2\n3,4\n"))


def test_raw_counts_without_a_unit_are_not_taken_for_millivolt(tmp_path: Path) -> None:
    rows = "".join(f"{(i * 37) % 400}\n" for i in range(100))
    with pytest.raises(UnsupportedFormatError, match="unit: uV"):
        read_ecg(table(tmp_path / "a.csv", "II\n" + rows), fs=500)
    read = read_ecg(table(tmp_path / "b.csv", "# unit: uV\nII\n" + rows), fs=500)
    assert read.signal.max() < 0.4
    with pytest.raises(UnsupportedFormatError, match="no voltage"):
        read_ecg(table(tmp_path / "c.csv", "II [mmHg]\n" + rows), fs=500)


def test_gaps_are_empty_or_named(tmp_path: Path) -> None:
    read = read_ecg(table(tmp_path / "a.csv", "I,II\n1,2\n,NaN\n3,na\n4,5\n"), fs=500)
    np.testing.assert_array_equal(read.signal, [[1, np.nan, 3, 4], [2, np.nan, np.nan, 5]])


def test_a_column_that_ends_early_says_how_many_samples_it_has(tmp_path: Path) -> None:
    rows = "".join(f"{i},{i},{i if i < 18 else ''}\n" for i in range(20))
    path = table(tmp_path / "a.csv", "I,II,V3\n" + rows)
    with pytest.raises(
        CorruptFormatError, match=r"lead V3: 18 samples where the others have 20; drop it with leads="
    ) as caught:
        read_ecg(path, fs=500)
    assert caught.value.lead == "V3"
    assert read_ecg(path, fs=500, leads=("I", "II")).n_samples == 20


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I,II\n1,2\n3\n", "line 3: 1 cells where 2"),
        ("I,II\n1,2\n3,4,5\n", "line 3: 3 cells where 2"),
        ("I,II\n1,2\n3,abc\n", "line 3: a cell is no number"),
        ("I,II\n1,2\n3,1e999\n", "line 3: an infinite sample"),
        ("I,II\n", "without rows"),
        ("# fs: 500\n", "no rows"),
        ("I,I\n1,2\n", "lead I"),
        ("I\nnan\nnan\n", "no numbers"),
    ],
)
def test_a_broken_table_names_its_line(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(CorruptFormatError, match=words):
        read_ecg(table(tmp_path / "a.csv", text), fs=500)


def test_a_message_quotes_no_cell(tmp_path: Path) -> None:
    with pytest.raises(CorruptFormatError) as caught:
        read_ecg(table(tmp_path / "a.csv", "I\n1\nИванов\n"), fs=500)
    assert "Иванов" not in str(caught.value)


def test_binary_content_with_a_texts_suffix_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(bytes(range(256)) * 10)
    with pytest.raises(CorruptFormatError, match="not a text"):
        read_ecg(tmp_path / "a.csv", fs=500)


TITLED = """Протокол ЭКГ;;;
ФИО:;Щукина Юлия Петровна;;
Дата рождения;04.03.1962;;
Пол;жен.;;
Частота дискретизации;250 Гц;;
Аппарат;Поли-Спектр-8;;
;;;
Время, с;I, мВ;II, мВ;V1, мкВ
0,000;0,10;0,20;300
0,004;0,11;0,21;310
0,008;0,12;0,22;320
"""


@pytest.mark.parametrize("charset", ["cp1251", "utf-16", "utf-8-sig"])
def test_rows_above_the_heading_are_what_they_say(charset: str, tmp_path: Path) -> None:
    read = read_ecg(table(tmp_path / "a.csv", TITLED, charset))
    assert (read.fs, read.leads, read.source.device) == (250, ("I", "II", "V1"), "Поли-Спектр-8")
    np.testing.assert_allclose(read.signal, [[0.10, 0.11, 0.12], [0.20, 0.21, 0.22], [0.30, 0.31, 0.32]])
    patient = read.patient
    assert (patient.name, patient.birth_date, patient.sex) == ("Щукина Юлия Петровна", date(1962, 3, 4), "F")


@pytest.mark.parametrize(
    "text",
    ["I;II\nbad;0.2\n0.1;0.2\n0.3;0.4\n", "I;II\nmV;mV\n0.1;0.2\n0.3;0.4\n", "I;II\n;\n0.1;bad\n0.1;0.2\n"],
)
def test_a_heading_is_not_taken_for_a_title(text: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"line [23]"):
        read_ecg(table(tmp_path / "a.csv", text, "utf-8"), fs=500)


@pytest.mark.parametrize("charset", ["cp1251", "koi8-r", "cp866", "iso8859-5"])
def test_cyrillic_sets_of_eight_bits_are_read(charset: str, tmp_path: Path) -> None:
    read = read_ecg(table(tmp_path / "a.csv", "# name: Иванова\nI\n1\n2\n", charset), fs=500)
    assert read.patient.name == "Иванова"


def test_everything_returns(recording: Recording, tmp_path: Path) -> None:
    signal = recording.signal.copy()
    signal[3, 990:] = np.nan
    marks = (Annotation(sample=7, symbol="V", text="a, b", duration=3, lead="V2"), Annotation(sample=9, symbol=","))
    given = Recording(
        signal=signal, fs=500, leads=recording.leads, start=recording.start, patient=recording.patient,
        source=recording.source, annotations=marks,
    )  # fmt: skip
    write_ecg(given, tmp_path / "a.tsv")
    read = read_ecg(tmp_path / "a.tsv")
    np.testing.assert_array_equal(read.signal, signal)
    assert (read.start, read.patient, read.fs, read.source.filters) == (
        given.start, given.patient, given.fs, given.source.filters,
    )  # fmt: skip
    assert read.annotations[0] == marks[0]


@pytest.mark.parametrize("heading", [" " * 100_000 + "x", "((" * 20_000, ", " + " " * 40_000 + "a b"])
def test_a_heading_without_end_is_refused_and_not_taken_apart(heading: str, tmp_path: Path) -> None:
    with pytest.raises(CorruptFormatError, match="heading"):
        read_ecg(table(tmp_path / "a.csv", f"I{heading};II\n1;2\n3;4\n"), fs=500)


def test_a_table_that_lies_on_its_side_is_refused_at_once(tmp_path: Path) -> None:
    rows = "\n".join(";".join(f"{(i * k) % 7}" for i in range(200_000)) for k in range(2))
    with pytest.raises(UnsupportedFormatError, match="200000 columns; turn"):
        read_ecg(table(tmp_path / "a.csv", rows), fs=500)
