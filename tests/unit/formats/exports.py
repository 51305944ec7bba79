"""Made-up exports of devices, written from the formats' descriptions; every number in them can be broken."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.io import savemat

from ecg_engine.leads import STANDARD_LEADS

EIGHT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")


def counts(n_leads: int = 12, n_samples: int = 600, seed: int = 5) -> NDArray[np.int64]:
    """A walk in whole steps, with both signs and odd and even sums."""
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.integers(-9, 10, (n_leads, n_samples)), axis=1)


def declared(text: str, encoding: str = "UTF-8") -> bytes:
    """A text as a file in a character set that it names."""
    return f'<?xml version="1.0" encoding="{encoding}"?>\n{text}'.encode(encoding)


def aecg(
    rows: NDArray[np.int64],
    leads: Sequence[str] = STANDARD_LEADS,
    *,
    scale: str = '<scale value="2.5" unit="uV"/>',
    origin: str = '<origin value="0" unit="uV"/>',
    head: str = "20240305112233.250+0300",
    increment: str = '<increment value="0.002" unit="s"/>',
    subject: str = "",
    before: str = "",
    series: str = "",
    kind: str = "RHYTHM",
) -> str:
    sequences = "".join(
        f'<component><sequence><code code="MDC_ECG_LEAD_{name.upper()}" codeSystem="2.16.840.1.113883.6.24"/>'
        f'<value xsi:type="SLIST_PQ">{origin}{scale}<digits>{" ".join(map(str, row))}</digits></value>'
        "</sequence></component>"
        for name, row in zip(leads, rows, strict=True)
    )
    return (
        '<AnnotatedECG xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        '<id root="1.2.3"/><effectiveTime><center value="20240305112233"/></effectiveTime>'
        "<componentOf><timepointEvent><componentOf><subjectAssignment><subject><trialSubject>"
        f'<id root="1.2.3" extension="A-17"/>{subject}</trialSubject></subject></subjectAssignment></componentOf>'
        f'</timepointEvent></componentOf>{before}<component><series><code code="{kind}"/>'
        '<effectiveTime><low value="20240305112233"/></effectiveTime>'
        "<component><sequenceSet><component><sequence>"
        f'<code code="TIME_ABSOLUTE"/><value xsi:type="GLIST_TS"><head value="{head}"/>{increment}</value>'
        f"</sequence></component>{sequences}</sequenceSet></component>{series}</series></component></AnnotatedECG>"
    )


def muse_lead(name: str, row: NDArray[np.int64], *, crc: int | None = None, extra: str = "", **said: str) -> str:
    raw = row.astype("<i2").tobytes()
    fields = {
        "LeadByteCountTotal": str(len(raw)), "LeadSampleCountTotal": str(len(row)),
        "LeadAmplitudeUnitsPerBit": "4.88", "LeadAmplitudeUnits": "MICROVOLTS", "LeadID": name, "LeadSampleSize": "2",
        "LeadDataCRC32": str(zlib.crc32(raw) if crc is None else crc),
    } | said  # fmt: skip
    text = base64.encodebytes(raw).decode()
    body = "".join(f"<{tag}>{value}</{tag}>" for tag, value in fields.items() if value)
    return f"<LeadData>{body}{extra}<WaveFormData>{text}</WaveFormData></LeadData>"


def muse(
    rows: NDArray[np.int64],
    leads: Sequence[str] = EIGHT,
    *,
    base: str = "500",
    exponent: str = "0",
    more: str = "",
    median: NDArray[np.int64] | None = None,
    doctype: str = '<!DOCTYPE RestingECG SYSTEM "restecg.dtd">',
    lead: Callable[[str, NDArray[np.int64]], str] = muse_lead,
) -> str:
    def waveform(kind: str, every: NDArray[np.int64]) -> str:
        data = "".join(lead(name, row) for name, row in zip(leads, every, strict=True))
        return (
            f"<Waveform><WaveformType>{kind}</WaveformType><SampleType>CONTINUOUS_SAMPLES</SampleType>"
            f"<SampleBase>{base}</SampleBase><SampleExponent>{exponent}</SampleExponent>"
            "<HighPassFilter>5</HighPassFilter><LowPassFilter>150</LowPassFilter><ACFilter>50</ACFilter>"
            f"{data}</Waveform>"
        )

    beat = "" if median is None else waveform("Median", median)
    return f"{doctype}<RestingECG>{more}{beat}{waveform('Rhythm', rows)}</RestingECG>"


def mortara(
    rows: NDArray[np.int64],
    leads: Sequence[str] = STANDARD_LEADS,
    *,
    attributes: str = "",
    channel: str = 'BITS="16" FORMAT="SIGNED" ENCODING="BASE64" OFFSET="0" UNITS_PER_MV="400" SAMPLE_FREQ="500"',
    n: int | None = None,
    more: str = "",
) -> str:
    def data(row: NDArray[np.int64]) -> str:
        return base64.b64encode(row.astype("<i2").tobytes()).decode()

    channels = "".join(
        f'<CHANNEL NAME="{name.upper()}" {channel} DURATION="{len(row) if n is None else n}" DATA="{data(row)}"/>'
        for name, row in zip(leads, rows, strict=True)
    )
    return f"<ECG {attributes}>{more}{channels}</ECG>"


def lzw(data: bytes, *, bits: int = 10) -> bytes:
    """Welch's compression in words of a fixed length; the highest word ends it, the table stops below that."""
    table = {bytes((byte,)): byte for byte in range(256)}
    last, words, word = (1 << bits) - 2, [], b""
    for byte in data:
        longer = word + bytes((byte,))
        if longer in table:
            word = longer
            continue
        words.append(table[word])
        if len(table) <= last:
            table[longer] = len(table)
        word = bytes((byte,))
    words += [table[word], last + 1]
    text = "".join(f"{one:0{bits}b}" for one in words)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))


def xli_chunk(row: NDArray[np.int64]) -> bytes:
    """One lead: two samples, then 64 less the second difference that comes next."""
    x = [int(value) for value in row]
    second = [x[i] - 2 * x[i - 1] + x[i - 2] for i in range(2, len(x))]
    words = [x[0], x[1], *(64 - value for value in second[1:]), 64]
    pairs = [struct.pack(">h", word) for word in words]
    packed = lzw(b"".join(pair[:1] for pair in pairs) + b"".join(pair[1:] for pair in pairs))
    return struct.pack("<ihh", len(packed), 1, -second[0]) + packed


def to_zero(value: int) -> int:
    """Half a number, as C divides: towards zero."""
    return int(value / 2)


def xli(rows: NDArray[np.int64]) -> bytes:
    """Twelve leads, of which the four that follow from I and II are stored as distances."""
    halves = np.vectorize(to_zero)
    one, two, three, right, left, foot = rows[:6]
    stored = [one, two, two - one - three, -right - halves(one + two), halves(one - three) - left,
              halves(two + three) - foot, *rows[6:]]  # fmt: skip
    return b"".join(xli_chunk(row) for row in stored)


def sierra(
    rows: NDArray[np.int64],
    *,
    version: str = "1.04",
    packed: str = "XLI",
    attributes: str = "",
    raw: bytes | None = None,
    patient: str = "",
    more: str = "",
    ms: float | None = None,
    signal: str = "<samplingrate>500</samplingrate><resolution>5</resolution><hipass>0.05</hipass>"
    "<lowpass>150</lowpass>",
) -> str:
    data = raw if raw is not None else xli(rows) if packed == "XLI" else rows.astype("<i2").tobytes()
    duration = rows.shape[1] * 2 if ms is None else ms
    return (
        '<restingecgdata xmlns="http://www3.medical.philips.com">'
        f"<documentinfo><documentversion>{version}</documentversion></documentinfo>"
        '<dataacquisition date="2024-03-05" time="11:22:33"><machine machineid="M1">PageWriter</machine>'
        f"<signalcharacteristics>{signal}</signalcharacteristics></dataacquisition>"
        f"<patient><generalpatientdata>{patient}</generalpatientdata></patient>{more}<waveforms>"
        f'<parsedwaveforms dataencoding="Base64" compression="{packed}" numberofleads="{len(rows)}" '
        f'leadlabels="{" ".join(STANDARD_LEADS[: len(rows)])}" durationperchannel="{duration:g}" {attributes}>'
        f"{base64.b64encode(data).decode()}</parsedwaveforms></waveforms></restingecgdata>"
    )


def cardiosoft(
    rows: NDArray[np.int64],
    leads: Sequence[str] = STANDARD_LEADS,
    *,
    rate: str = "<SampleRate>500</SampleRate>",
    n: int | None = None,
    scale: str = '<Resolution units="uVperLsb">5</Resolution>',
    more: str = "",
    strip: str = "",
) -> str:
    data = "".join(
        f'<WaveformData lead="{name}">{",".join(map(str, row))}</WaveformData>'
        for name, row in zip(leads, rows, strict=True)
    )
    return (
        f"<CardiologyXML><ObservationType>RestECG</ObservationType>{more}<StripData>{rate}"
        f"<ChannelSampleCountTotal>{rows.shape[1] if n is None else n}</ChannelSampleCountTotal>{scale}{data}{strip}"
        "</StripData></CardiologyXML>"
    )


def schiller(
    rows: NDArray[np.int64],
    leads: Sequence[str] = STANDARD_LEADS,
    *,
    units: str = "UV",
    more: str = "",
    event: str = "",
    exponent: str = "1",
    n: int | None = None,
) -> str:
    def wave(kind: str) -> str:
        data = "".join(
            f"<channel><name>{name.upper()}</name><data>{','.join(map(str, row))}</data>"
            f"<datastype>COMMASEPARATE</datastype><samplecount>{len(row) if n is None else n}</samplecount></channel>"
            for name, row in zip(leads, rows, strict=True)
        )
        return (
            f"<wavedata><type>{kind}</type><resolution><samplerate><exponent>{exponent}</exponent><value>500</value>"
            f"</samplerate><yres><unitperbit>2.5</unitperbit><units>{units}</units></yres></resolution>{data}</wavedata>"
        )

    return (
        f"<com.xiriuz.sema.xml.schillerEDI.SchillerEDI>{more}<eventdata><event>{wave('ECG_RHYTHMS')}{event}</event>"
        "</eventdata></com.xiriuz.sema.xml.schillerEDI.SchillerEDI>"
    )


def atc_block(name: bytes, data: bytes, *, signed: bool = False, off: int = 0) -> bytes:
    """A block with the sum of all its bytes behind it, as described or, as some write it, of signed bytes."""
    head = name + struct.pack("<I", len(data)) + data
    total = sum(byte - 256 if signed and byte > 127 else byte for byte in head) + off
    return head + struct.pack("<I", total % 2**32)


def kardia(
    rows: NDArray[np.int64],
    *,
    rate: int = 300,
    step_nv: int = 500,
    flags: int = 0b10,
    date: str = "2024-03-05T11:22:33.250+03:00",
    signed: bool = False,
    off: int = 0,
    marks: Sequence[tuple[int, int]] = ((30, 1),),
    more: bytes = b"",
) -> bytes:
    info = b"".join(
        text.encode().ljust(width, b"\0")
        for text, width in (
            (date, 32),
            ("uuid-1", 40),
            ("", 44),
            ("Phone 7", 32),
            ("app 5", 32),
            ("19kHz", 32),
            ("", 52),
        )
    )
    names = (b"ecg ", b"ecg2", b"ecg3", b"ecg4", b"ecg5", b"ecg6")
    blocks = [
        atc_block(b"info", info, signed=signed),
        atc_block(b"fmt ", struct.pack("<BHHBH", 1, rate, step_nv, flags, 0), signed=signed),
        *(
            atc_block(name, row.astype("<i2").tobytes(), signed=signed, off=off)
            for name, row in zip(names, rows, strict=False)
        ),
        atc_block(b"ann ", struct.pack("<I", rate) + b"".join(struct.pack("<IH", *mark) for mark in marks)),
    ]
    return b"ALIVE\0\0\0" + struct.pack("<I", 3) + b"".join(blocks) + more


#: A valid file of each format that is only read, for tests of what holds for all.
def mat(arrays: dict[str, object], *, packed: bool = True) -> bytes:
    """Variables as MATLAB saves them."""
    out = io.BytesIO()
    savemat(out, arrays, do_compression=packed)
    return out.getvalue()


def bdf(
    rows: NDArray[np.int64],
    leads: Sequence[str],
    *,
    kind: str = "BDF+C",
    note: bytes = b"",
    seconds: int = 1,
    limits: tuple[str, str] = ("-262144", "262144"),
) -> bytes:
    """One data record: three bytes a sample, some 0.03125 µV a step, as BioSemi's amplifiers have it."""
    n, texts = rows.shape[1], (b"+0\x14\x14\0" + note).ljust(60, b"\0")
    labels = [*(f"ECG {lead}" for lead in leads), "BDF Annotations"]
    sizes = [n] * len(leads) + [len(texts) // 3]
    fixed = ("X X X X", 80), ("Startdate X X X X", 80), ("02.01.03", 8), ("04.05.06", 8)
    head = "".join(text.ljust(width) for text, width in fixed) + str(256 * (len(labels) + 1)).ljust(8) + kind.ljust(44)
    head += "1".ljust(8) + str(seconds).ljust(8) + str(len(labels)).ljust(4)
    columns = (
        (labels, 16), ([""] * len(labels), 80), (["uV"] * len(leads) + [""], 8), ([limits[0]] * len(labels), 8),
        ([limits[1]] * len(labels), 8), (["-8388608"] * len(labels), 8), (["8388607"] * len(labels), 8),
        ([""] * len(labels), 80), (list(map(str, sizes)), 8), ([""] * len(labels), 32),
    )  # fmt: skip
    head += "".join(text.ljust(width) for texts_, width in columns for text in texts_)
    data = b"".join(int(value).to_bytes(3, "little", signed=True) for value in rows.ravel())
    return b"\xffBIOSEMI" + head.encode() + data + texts


def tlv(tag: int, content: bytes, *, channel: int | None = None) -> bytes:
    """One definition of MFER; lengths above 127 in four bytes."""
    n = len(content)
    head = bytes([tag]) if channel is None else bytes([tag, channel])
    return head + (bytes([n]) if n < 128 else b"\x84" + n.to_bytes(4, "big")) + content


def mfer(
    rows: NDArray[np.int64],
    leads: Sequence[int],
    *,
    order: Literal["big", "little"] = "big",
    kind: int = 0,
    dtype: str = "i2",
    rate: bytes | None = None,
    own: dict[int, bytes] | None = None,
    more: bytes = b"",
) -> bytes:
    """Three sequences of blocks where the length allows it; 2.5 µV a step, 500 Hz."""
    n_channels, n = rows.shape
    n_sequences = 3 if n % 3 == 0 else 1

    def number(value: int, size: int = 2) -> bytes:
        return value.to_bytes(size, order)

    when = number(2024) + bytes([3, 5, 11, 22, 33]) + number(250) + number(0)
    attributes = b"".join(
        tlv(0x3F, tlv(0x09, number(lead)) + (own or {}).get(i, b""), channel=i) for i, lead in enumerate(leads)
    )
    blocks = rows.reshape(n_channels, n_sequences, -1).transpose(1, 0, 2)
    data = np.ascontiguousarray(blocks).astype(f"{'<' if order == 'little' else '>'}{dtype}").tobytes()
    rate = b"\0\0" + number(500) if rate is None else rate
    return (
        tlv(0x40, b"MFR ECG".ljust(32)) + tlv(0x01, bytes([order == "little"])) + tlv(0x02, b"\1\5\0")
        + tlv(0x03, b"UTF-8") + tlv(0x81, "山田^やまだ^太郎^たろう".encode()) + tlv(0x82, b"A-17")
        + tlv(0x83, bytes([63]) + number(300) + number(1960) + bytes([5, 6])) + tlv(0x84, b"\1") + tlv(0x85, when)
        + tlv(0x17, b"Acme^X1^1.0^77") + tlv(0x11, b"HPF=0.05") + tlv(0x11, b"BEF=50^Hum") + tlv(0x16, b"rest")
        + tlv(0x08, number(1)) + tlv(0x0A, bytes([kind])) + (tlv(0x0B, rate) if rate else b"")
        + tlv(0x0C, b"\0\xf9" + number(25)) + tlv(0x04, number(n // n_sequences, 4)) + tlv(0x05, number(n_channels))
        + tlv(0x06, number(n_sequences)) + attributes + more
        + tlv(0x41, number(7) + number(100, 4) + number(20, 4) + b"VPC") + tlv(0x1E, data) + b"\x80\0"
    )  # fmt: skip


SAMPLES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "aecg": (".xml", lambda: declared(aecg(counts()))),
    "muse": (".xml", lambda: declared(muse(counts(8)))),
    "sierra": (".xml", lambda: declared(sierra(counts()))),
    "cardiosoft": (".xml", lambda: declared(cardiosoft(counts()))),
    "schiller": (".xml", lambda: declared(schiller(counts()))),
    "mortara": (".xml", lambda: declared(mortara(counts()))),
    "kardia": (".atc", lambda: kardia(counts(6))),
    "bdf": (".bdf", lambda: bdf(counts(6, 250) * 900, STANDARD_LEADS[:6])),
    "mfer": (".mwf", lambda: mfer(counts(6), (1, 2, 61, 62, 63, 64))),
    "mat": (
        ".mat",
        lambda: mat({"signal": counts(), "units": "uV", "fs": 500.0, "leads": [*STANDARD_LEADS]}, packed=False),
    ),
}
