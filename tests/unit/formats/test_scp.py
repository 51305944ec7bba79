"""SCP-ECG: codes, differences, reference beats, header fields, and what a damaged file may not do."""

from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ecg_engine.errors import CorruptFormatError, FormatError, UnsupportedFormatError
from ecg_engine.formats import _scp_huffman as huffman
from ecg_engine.formats import read_ecg, write_ecg
from ecg_engine.formats._scp_codes import DEFAULT_CODES, checksum
from ecg_engine.types import Annotation, Filters, Patient, Recording, Source


def section(number: int, data: bytes) -> bytes:
    data += bytes(len(data) % 2)
    body = struct.pack("<HIBB6x", number, 16 + len(data), 20, 20) + data
    return struct.pack("<H", checksum(body)) + body


def scp(path: Path, sections: dict[int, bytes]) -> Path:
    """Write a file section by section, so that a test can break any of them."""
    at, pointers, bodies = 6 + 16 + 120, [struct.pack("<HII", 0, 136, 7)], []
    for number in range(1, 12):
        body = section(number, sections[number]) if number in sections else b""
        pointers.append(struct.pack("<HII", number, len(body), at + 1 if body else 0))
        bodies.append(body)
        at += len(body)
    zero = struct.pack("<HIBB", 0, 136, 20, 20) + b"SCPECG" + b"".join(pointers)
    data = struct.pack("<H", checksum(zero)) + zero + b"".join(bodies)
    data = struct.pack("<I", 6 + len(data)) + data
    path.write_bytes(struct.pack("<H", checksum(data)) + data)
    return path


def leads(*numbers: int, n: int, flags: int = 0) -> bytes:
    return bytes([len(numbers), flags]) + b"".join(struct.pack("<IIB", 1, n, number) for number in numbers)


def samples(rows: list[bytes], *, step_nv: int = 1000, interval: int = 2000, order: int = 0, bimodal: int = 0) -> bytes:
    head = struct.pack("<HHBB", step_nv, interval, order, bimodal)
    return head + struct.pack(f"<{len(rows)}H", *map(len, rows)) + b"".join(rows)


def raw(values: NDArray[np.int64] | list[int]) -> bytes:
    return np.asarray(values, "<i2").tobytes()


# ----------------------------------------------------------------------------------------------------------- the codes


def test_the_default_table_is_a_complete_prefix_code() -> None:
    """Kraft: a code in which no word begins another and none is missing fills the unit interval."""
    assert sum(2.0**-prefix for prefix, *_ in DEFAULT_CODES) == 1.0
    words = sorted(f"{code:0{prefix}b}"[::-1] for prefix, _, _, _, code in DEFAULT_CODES)
    assert not any(b.startswith(a) for a, b in pairwise(words))


@pytest.mark.parametrize(
    ("bits", "value"),
    # ISO 11073-91064, table of the default Huffman codes: prefix, then the sign, or the value in 8 or 16 bits.
    [("0", 0), ("100", 1), ("101", -1), ("1100", 2), ("11101", -3), ("1111111100", 8), ("1111111101", -8),
     ("1111111110" "00001001", 9), ("1111111110" "10000000", -128), ("1111111111" "0000000010000000", 128),
     ("1111111111" "1000000000000000", -32768)],
)  # fmt: skip
def test_codes_of_the_standard(bits: str, value: int) -> None:
    data = int(bits.ljust(32, "0"), 2).to_bytes(4, "big")
    assert huffman.decode(data, [huffman.DEFAULT], 1).tolist() == [value]
    encoded = "".join(f"{byte:08b}" for byte in huffman.encode(np.array([value])))
    assert encoded.startswith(bits) and set(encoded[len(bits) :]) <= {"0"}


@given(st.lists(st.integers(-32768, 32767) | st.integers(-10, 10), max_size=200))
def test_what_is_encoded_is_decoded(values: list[int]) -> None:
    data = huffman.encode(np.array(values, np.int64))
    assert huffman.decode(data, [huffman.DEFAULT], len(values)).tolist() == values


def test_a_file_may_bring_tables_and_switch_between_them() -> None:
    # First table: 0 -> 5, 1 -> the second table. Second: 0 -> three bits of the value itself, 1 -> -7.
    tables = [
        huffman.make_table([(1, 1, 1, 5, 0), (1, 1, 0, 2, 1)]),
        huffman.make_table([(1, 4, 1, 0, 0), (1, 1, 1, -7, 1)]),
    ]
    data = int("01101100100".ljust(12, "0"), 2).to_bytes(2, "big")
    bits = "0" + "1" + "1" + "0011" + "0100"
    data = int(bits.ljust(16, "0"), 2).to_bytes(2, "big")
    assert huffman.decode(data, tables, 4).tolist() == [5, -7, 3, -4]


@pytest.mark.parametrize(
    "codes", [[], [(0, 0, 1, 0, 0)], [(17, 17, 1, 0, 0)], [(3, 2, 1, 0, 0)], [(1, 1, 1, 0, 0), (2, 2, 1, 1, 0)]]
)
def test_tables_that_are_none(codes: list[tuple[int, int, int, int, int]]) -> None:
    with pytest.raises(huffman.HuffmanError):
        huffman.make_table(codes)


# ------------------------------------------------------------------------------------------------------------- samples


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("is_coded", [False, True])
def test_differences_are_undone(order: int, is_coded: bool, tmp_path: Path) -> None:
    x = np.round(900 * np.sin(np.arange(600) / 17)).astype(np.int64)
    stored = x.copy()
    stored[order:] = np.diff(x, order)
    coded = huffman.encode(stored) if is_coded else raw(stored)
    parts = {3: leads(1, n=600), 6: samples([coded], order=order, step_nv=2500)}
    if is_coded:
        parts[2] = struct.pack("<H", 19999)
    read = read_ecg(scp(tmp_path / "a.scp", parts))
    assert (read.fs, read.leads) == (500.0, ("I",))
    np.testing.assert_allclose(read.signal[0], x * 0.0025, atol=1e-12)


def test_a_subtracted_reference_beat_is_added_again(tmp_path: Path) -> None:
    """The signal is built, each beat of kind 0 subtracted where the file says; other kinds are stored as they are."""
    n, beat = 1000, np.round(200 * np.exp(-(((np.arange(100) - 40) / 8) ** 2))).astype(np.int64)
    noise = np.random.default_rng(3).integers(-5, 6, n)
    x = noise.copy()
    fiducials = [30, 300, 600, 980]  # the first and the last are cut by the ends
    kinds = [0, 0, 1, 0]
    rows = []
    for at, kind in zip(fiducials, kinds, strict=True):
        first, last = max(at - 40, 1), min(at + 59, n)
        rows.append(struct.pack("<HIII", kind, first, at, last))
        if kind == 0:
            x[first - 1 : last] += beat[40 - at + first : 40 - at + last + 1]
    beats = struct.pack("<HHH", 200, 41, len(rows)) + b"".join(rows) + bytes(8 * len(rows))
    path = scp(
        tmp_path / "a.scp",
        {3: leads(2, n=n, flags=1), 4: beats, 5: samples([raw(2 * beat)], step_nv=500), 6: samples([raw(noise)])},
    )
    np.testing.assert_allclose(read_ecg(path).signal[0], x / 1000, atol=1e-12)


def test_leads_that_start_later_have_a_gap(tmp_path: Path) -> None:
    both = bytes([2, 0]) + struct.pack("<IIB", 1, 100, 1) + struct.pack("<IIB", 51, 120, 3)
    path = scp(tmp_path / "a.scp", {3: both, 6: samples([raw(np.arange(100)), raw(np.arange(70))])})
    read = read_ecg(path)
    assert read.leads == ("I", "V1") and read.n_samples == 120
    assert np.isnan(read.signal[0, 100:]).all() and np.isnan(read.signal[1, :50]).all()
    np.testing.assert_allclose(read.signal[1, 50:], np.arange(70) / 1000)


# -------------------------------------------------------------------------------------------------------------- header


def field(tag: int, value: bytes) -> bytes:
    return struct.pack("<BH", tag, len(value)) + value


def device(language: int) -> bytes:
    head = bytes(6) + b"\0\xff" + b"ELI250" + bytes([20, 0xC0, language]) + bytes(18) + b"\x01"
    return head + b"1.0\0SN-7\0\0\0Acme\0"


@pytest.mark.parametrize(
    ("language", "encoding"), [(0x13, "iso8859-5"), (0x37, "utf-8"), (0x07, "utf-16-le"), (0x01, "latin-1")]
)
def test_header(language: int, encoding: str, tmp_path: Path) -> None:
    name = "Müller" if encoding == "latin-1" else "Щукина"
    text = [
        field(0, f"{name}\0".encode(encoding)),
        field(1, "A.\0".encode(encoding)),
        field(2, "K-1\0".encode(encoding)),
    ]
    header = b"".join([
        *text, field(4, struct.pack("<HB", 18, 2)), field(5, struct.pack("<HBB", 1953, 5, 8)), field(8, b"\2"),
        field(6, struct.pack("<HB", 171, 1)), field(7, struct.pack("<HB", 70, 1)),
        field(14, device(language)), field(25, struct.pack("<HBB", 2002, 11, 22)), field(26, bytes([9, 10, 11])),
        field(27, struct.pack("<H", 5)), field(28, struct.pack("<H", 150)), field(29, b"\2"),
        field(34, struct.pack("<hH", 180, 0) + b"\0"), field(255, b""),
    ])  # fmt: skip
    measured = struct.pack("<BBHH", 1, 0, 800, 29999) + struct.pack("<5H3h", 100, 200, 260, 350, 660, 44, -61, 29999)
    texts = ["Sinus\0".encode(encoding), f"{name}\0".encode(encoding)]
    said = bytes(8) + b"\2" + b"".join(struct.pack("<BH", i, len(text)) + text for i, text in enumerate(texts))
    path = scp(tmp_path / "a.scp", {1: header, 3: leads(1, n=500), 6: samples([raw([0] * 500)]), 7: measured, 8: said})
    read = read_ecg(path)
    assert read.patient == Patient(id="K-1", name=f"{name} A.", age_years=1.5, birth_date=date(1953, 5, 8), sex="F")
    assert read.start == datetime(2002, 11, 22, 9, 10, 11, tzinfo=timezone(timedelta(hours=3)))
    assert read.source.filters == Filters(highpass_hz=0.05, lowpass_hz=150.0, notch_hz=50.0)
    assert read.source.device == "Acme ELI250"
    assert read.source.measurements == {
        "rr_ms": 800, "heart_rate_bpm": 75, "p_duration_ms": 100, "pr_ms": 160, "qrs_ms": 90, "qt_ms": 400,
        "p_axis_deg": 44, "qrs_axis_deg": -61,
    }  # fmt: skip
    assert read.source.statements == ("Sinus", name)
    assert (read.source.details["height_cm"], read.source.details["device_serial"]) == (171.0, "SN-7")


def test_cyrillic_under_another_name_is_recognised(tmp_path: Path) -> None:
    header = field(0, "Щукина\0".encode("cp1251")) + field(14, device(0)) + field(255, b"")
    path = scp(tmp_path / "a.scp", {1: header, 3: leads(1, n=500), 6: samples([raw([0] * 500)])})
    assert read_ecg(path).patient.name == "Щукина"


# -------------------------------------------------------------------------------------------------------------- writer


def test_what_cannot_be_written_is_refused(recording: Recording, tmp_path: Path) -> None:
    def variant(**changes: object) -> Recording:
        facts = {"signal": recording.signal, "fs": recording.fs, "leads": recording.leads} | changes
        return Recording(**facts)  # type: ignore[arg-type]

    gap = recording.signal.copy()
    gap[1, 5] = np.nan
    steep = np.zeros((12, 1000))
    steep[0, ::2] = 3.2
    steep[0, 1] = 0.0001
    for one, match in (
        (variant(signal=gap), "NaN"),
        (variant(fs=360), "360 Hz"),
        (variant(leads=("CM9", *recording.leads[1:])), "CM9"),
        (variant(signal=recording.signal * 1e6), "2147 mV"),
        (variant(signal=np.tile(recording.signal, 200)), "65535 bytes"),
    ):
        with pytest.raises(UnsupportedFormatError, match=match):
            write_ecg(one, tmp_path / "a.scp")
        assert not (tmp_path / "a.scp").exists()


def test_a_device_with_a_cyrillic_name_is_still_to_be_recognised(recording: Recording, tmp_path: Path) -> None:
    given = replace(recording, source=replace(recording.source, device="Кардиометр МТ"))
    write_ecg(given, tmp_path / "a.scp")
    assert read_ecg(tmp_path / "a.scp").source.device == "Kardiometr MT"


def test_device_statements_and_texts_return(recording: Recording, tmp_path: Path) -> None:
    given_ = Recording(
        signal=recording.signal, fs=500, leads=recording.leads,
        start=datetime(2024, 3, 5, 11, 22, 33, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        patient=Patient(name="田中 Щукина", drugs=("бисопролол", "ASA"), complaint="боль", age_years=0.25),
        source=Source(statements=("Синусовый ритм", "Норма")),
    )  # fmt: skip
    write_ecg(given_, tmp_path / "a.scp")
    read = read_ecg(tmp_path / "a.scp")
    assert (read.patient.name, read.patient.drugs, read.patient.complaint) == (
        "田中 Щукина", ("бисопролол", "ASA"), "боль"
    )  # fmt: skip
    assert read.patient.age_years == pytest.approx(0.25, abs=0.5 / 365.25)
    assert (read.start, read.source.statements) == (given_.start, ("Синусовый ритм", "Норма"))


# --------------------------------------------------------------------------------------------------------- measurements


def peer(path: Path) -> Any:
    """The same file as ecgdatakit reads it."""
    module = pytest.importorskip("ecgdatakit", reason="the second reader, ecgdatakit, is not installed")
    return module.FileParser().parse(path)


def section_7(
    *, beat: tuple[int, ...], spikes: tuple[int, ...] = (), rates: tuple[int, ...] = (75, 29999, 447, 1)
) -> bytes:
    out = struct.pack("<BBHH", 1, len(spikes), 800, 790) + struct.pack("<5H3h", *beat)
    out += b"".join(struct.pack("<Hh", ms, 1500) for ms in spikes)
    out += b"".join(struct.pack("<BBHH", 2, 1, 0, 400) for _ in spikes)
    return out + struct.pack("<H3B", 3, 0, 0, 1) + struct.pack("<3HBH", *rates, 0)


def section_10(blocks: dict[int, list[int]], counted: int = 0) -> bytes:
    return struct.pack("<HH", len(blocks), 0) + b"".join(
        struct.pack("<HH", number, 2 * len(values) + counted) + struct.pack(f"<{len(values)}h", *values)
        for number, values in blocks.items()
    )


def measured_file(path: Path, **more: bytes) -> Path:
    rhythm = {3: leads(1, 2, n=2500), 6: samples([raw([0] * 2500)] * 2)}
    return scp(path, rhythm | {int(name[1:]): data for name, data in more.items()})


def test_measurements_of_the_whole_ecg(tmp_path: Path) -> None:
    beat = (40, 144, 200, 296, 602, 51, -34, 999)
    path = measured_file(tmp_path / "a.scp", _7=section_7(beat=beat, spikes=(120, 1120, 60_000)))
    read, other = read_ecg(path), peer(path)
    assert read.source.measurements == {
        "rr_ms": other.measurements.rr_interval, "heart_rate_bpm": other.measurements.heart_rate,
        "p_duration_ms": 104, "pr_ms": 160, "qrs_ms": 96, "qt_ms": 402,
        "qtc_bazett_ms": other.measurements.qtc_bazett, "p_axis_deg": 51, "qrs_axis_deg": -34,
    }  # fmt: skip
    times = [spike["time_ms"] for spike in other.raw_metadata["pacemaker_spikes"]]
    assert [(mark.sample, mark.symbol) for mark in read.annotations] == [
        (ms / 2, "^") for ms in times if ms < 5000
    ]  # fmt: skip
    assert read.source.details["device_measurements"] == ["PP interval: 790 ms"]


def test_a_qtc_by_a_formula_that_is_not_said_goes_by_qt_and_rr(tmp_path: Path) -> None:
    beat = (40, 144, 200, 296, 602, 51, -34, 12)
    # Fridericia's of 402 ms at 800 ms: 402 / 0.8 ** (1 / 3).
    path = measured_file(tmp_path / "a.scp", _7=section_7(beat=beat, rates=(75, 29999, 433, 0)))
    assert read_ecg(path).source.measurements["qtc_fridericia_ms"] == 433
    path = measured_file(tmp_path / "b.scp", _7=section_7(beat=beat, rates=(75, 29999, 500, 0)))
    read = read_ecg(path).source
    assert "QTc: 500 ms" in read.details["device_measurements"]
    assert not any(code.startswith("qtc") for code in read.measurements)


@pytest.mark.parametrize("counted", [0, 4])
def test_measurements_of_each_lead(counted: int, tmp_path: Path) -> None:
    values = [104, 160, 96, 402, 19999, 45, 30, 29999, 29998, -35, 1250, -410, 19999, 19999, 25, 120, -15, 310, 19999,
              150, 1, 1, 2, 4, 38, 0, 30, 45, 60, 50, 80]  # fmt: skip
    path = measured_file(tmp_path / "a.scp", _10=section_10({1: values, 2: values[:11]}, counted))
    read = read_ecg(path).source.details["device_measurements_by_lead"]
    other = peer(path).raw_metadata["lead_measurements"]
    names = {
        "p_duration": "P duration", "pr_interval": "PR interval", "qt_interval": "QT interval",
        "r_duration": "R duration", "q_amplitude": "Q amplitude", "r_amplitude": "R amplitude",
        "s_amplitude": "S amplitude", "j_point_amplitude": "J amplitude", "t_plus_amplitude": "T+ amplitude",
        "st_slope": "ST slope", "intrinsicoid_deflection": "intrinsicoid deflection", "st_j80": "ST at J+80 ms",
        "st_rr8": "ST at J+RR/8",
    }  # fmt: skip
    for theirs, ours in names.items():
        assert read["I"][ours].split()[0] == str(other["I"][theirs])
    assert (read["I"]["ST slope"], read["I"]["Q amplitude"]) == ("150 uV/s", "-35 uV")
    assert {"Q duration", "R' duration", "S' duration", "T- amplitude"}.isdisjoint(read["I"])
    assert [*read["II"]][-1] == "R amplitude"


def test_lead_blocks_that_do_not_fit_are_not_guessed_at(tmp_path: Path) -> None:
    for broken in (section_10({1: [104], 200: [1]}), section_10({1: [104, 160]})[:-2], b"\x05\x00\x00\x00"):
        path = measured_file(tmp_path / "a.scp", _10=broken)
        assert "device_measurements_by_lead" not in read_ecg(path).source.details


def test_measurements_and_spikes_return(recording: Recording, tmp_path: Path) -> None:
    measured = {
        "rr_ms": 811.0, "heart_rate_bpm": 74.0, "p_duration_ms": 104.0, "pr_ms": 162.0, "qrs_ms": 92.0, "qt_ms": 402.0,
        "qtc_bazett_ms": 446.0, "p_axis_deg": 51.0, "qrs_axis_deg": -34.0, "t_axis_deg": 0.0,
    }  # fmt: skip
    spikes = (Annotation(sample=60, symbol="^"), Annotation(sample=560, symbol="^"))
    given_ = replace(recording, source=Source(measurements=measured), annotations=spikes)
    write_ecg(given_, tmp_path / "a.scp")
    read, other = read_ecg(tmp_path / "a.scp"), peer(tmp_path / "a.scp")
    assert (read.source.measurements, read.annotations) == (measured, spikes)
    found = other.measurements
    assert (found.rr_interval, found.heart_rate, found.qtc_bazett, found.qrs_axis) == (811, 74, 446, -34)
    assert [spike["time_ms"] for spike in other.raw_metadata["pacemaker_spikes"]] == [120, 1120]


@pytest.mark.parametrize("code", ["pr_ms", "qrs_ms", "qt_ms", "t_axis_deg", "heart_rate_bpm", "qtc_hodges_ms"])
def test_one_measurement_alone_returns_alone(code: str, recording: Recording, tmp_path: Path) -> None:
    write_ecg(replace(recording, source=Source(measurements={code: 88.0})), tmp_path / "a.scp")
    assert read_ecg(tmp_path / "a.scp").source.measurements == {code: 88.0}


# --------------------------------------------------------------------------------------------------------------- broken


def test_a_changed_byte_is_noticed_wherever_it_is(recording: Recording, tmp_path: Path) -> None:
    write_ecg(recording, tmp_path / "a.scp")
    data = (tmp_path / "a.scp").read_bytes()
    for at in range(0, len(data), 997):
        (tmp_path / "b.scp").write_bytes(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
        with pytest.raises(FormatError):
            read_ecg(tmp_path / "b.scp", format="scp")


@pytest.mark.parametrize("keep", [0, 10, 100, 1000, -1])
def test_a_file_that_was_cut_off(recording: Recording, keep: int, tmp_path: Path) -> None:
    write_ecg(recording, tmp_path / "a.scp")
    (tmp_path / "b.scp").write_bytes((tmp_path / "a.scp").read_bytes()[:keep])
    with pytest.raises(FormatError):
        read_ecg(tmp_path / "b.scp", format="scp")


def test_what_is_read_wrong_by_others_is_refused(tmp_path: Path) -> None:
    parts = {3: leads(1, n=4, flags=1), 6: samples([raw([1, 2, 3, 4])])}
    with pytest.raises(CorruptFormatError, match="sections 4 and 5"):
        read_ecg(scp(tmp_path / "b.scp", parts))
    with pytest.raises(UnsupportedFormatError, match="section 6"):
        read_ecg(scp(tmp_path / "c.scp", {3: leads(1, n=4)}))
    with pytest.raises(CorruptFormatError, match="4 bytes for 100000000 samples"):
        read_ecg(scp(tmp_path / "d.scp", {3: leads(1, n=100_000_000), 6: samples([raw([1, 2])])}))


@given(
    at=st.integers(0, 10_000), value=st.binary(min_size=1, max_size=6), number=st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8])
)
def test_damaged_sections_with_right_checksums_raise_nothing_foreign(
    at: int, value: bytes, number: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    beat = np.round(90 * np.exp(-(((np.arange(50) - 20) / 4) ** 2))).astype(np.int64)
    parts = {
        1: field(0, b"A\0") + field(4, struct.pack("<HB", 61, 1)) + field(14, device(0)) + field(255, b""),
        2: struct.pack("<H", 19999),
        3: leads(1, 2, n=300, flags=1),
        4: struct.pack("<HHH", 100, 21, 1) + struct.pack("<HIII", 0, 81, 101, 130) + bytes(8),
        5: samples([huffman.encode(beat)] * 2),
        6: samples([huffman.encode(np.arange(300) % 7)] * 2),
        7: struct.pack("<BBHH", 1, 0, 800, 29999) + struct.pack("<5H3h", 100, 200, 260, 350, 660, 44, -61, 29999),
        8: bytes(8) + b"\1" + struct.pack("<BH", 1, 3) + b"OK\0",
    }
    whole = parts[number]
    at %= len(whole)
    parts[number] = (whole[:at] + value + whole[at + len(value) :])[: len(whole)]
    path = scp(tmp_path_factory.mktemp("scp") / "a.scp", parts)
    with suppress(FormatError):
        read_ecg(path)


def test_files_of_devices(data_folder: Path) -> None:
    read = read_ecg(data_folder / "vendor" / "scp" / "Example.scp")
    assert (read.fs, read.n_leads, read.n_samples) == (500.0, 12, 5000)
    i, ii, iii = (read.lead(name) for name in ("I", "II", "III"))
    np.testing.assert_allclose(ii - i, iii, atol=1e-9)
    assert read.start == datetime(2002, 11, 22, 9, 10)
    with pytest.raises(UnsupportedFormatError, match="order"):
        read_ecg(data_folder / "vendor" / "scp" / "healforce_62.SCP")
