"""XML in general: character sets, what is refused for safety's sake, and what holds for every format in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ecg_engine.errors import CorruptFormatError, FormatError, InputError, UnknownFormatError, UnsupportedFormatError
from ecg_engine.formats import _xml as xml
from ecg_engine.formats import open_ecg, read_ecg
from ecg_engine.formats._sniff import xml_root
from tests.unit.formats.exports import SAMPLES, aecg, counts, declared, muse

NAME = "Ёлкина Жанна"
WHO = f"<PatientDemographics><PatientLastName>{NAME}</PatientLastName></PatientDemographics>"


def read(path: Path, raw: bytes) -> str | None:
    path.write_bytes(raw)
    return read_ecg(path).patient.name


@pytest.mark.parametrize(
    "encoding", ["UTF-8", "windows-1251", "KOI8-R", "ISO-8859-5", "UTF-16", "cp866", "x-mac-cyrillic"]
)
def test_a_cyrillic_name_is_read_in_every_character_set(encoding: str, tmp_path: Path) -> None:
    if encoding == "x-mac-cyrillic":
        encoding = "mac-cyrillic"
    assert read(tmp_path / "a.xml", declared(muse(counts(8), more=WHO), encoding)) == NAME


def test_utf_16_needs_no_byte_order_mark_and_utf_8_may_have_one(tmp_path: Path) -> None:
    text = muse(counts(8), more=WHO)
    for raw in (text.encode("utf-16-le"), text.encode("utf-16-be"), b"\xef\xbb\xbf" + text.encode()):
        assert read(tmp_path / "a.bin", raw) == NAME


@pytest.mark.parametrize("said", ["UTF-8", "ISO-8859-1", "us-ascii"])
def test_cyrillic_letters_under_another_declaration_are_recognised(said: str, tmp_path: Path) -> None:
    raw = f'<?xml version="1.0" encoding="{said}"?>{muse(counts(8), more=WHO)}'
    assert read(tmp_path / "a.xml", raw.encode("cp1251")) == NAME


def test_western_letters_stay_what_they_are(tmp_path: Path) -> None:
    text = muse(counts(8), more=WHO.replace(NAME, "Müller-Lüdenscheidt"))
    assert read(tmp_path / "a.xml", declared(text, "ISO-8859-1")) == "Müller-Lüdenscheidt"


def test_a_file_saved_anew_in_utf_8_may_still_declare_utf_16(tmp_path: Path) -> None:
    raw = '<?xml version="1.0" encoding="utf-16"?>' + muse(counts(8), more=WHO)
    assert read(tmp_path / "a.xml", raw.encode()) == NAME


def test_zeros_behind_the_root_are_passed_over(tmp_path: Path) -> None:
    assert read(tmp_path / "a.xml", declared(muse(counts(8), more=WHO)) + bytes(100)) == NAME


@pytest.mark.parametrize("said", ["zlib", "rot13", "idna", "unicode_escape", "punycode", "no-such-set"])
def test_a_character_set_that_is_none_is_refused(said: str, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(f'<?xml version="1.0" encoding="{said}"?>{muse(counts(8))}')
    with pytest.raises(UnsupportedFormatError, match="character set"):
        read_ecg(tmp_path / "a.xml")


LAUGHS = '<!DOCTYPE RestingECG [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "doctype",
    [
        LAUGHS,
        '<!DOCTYPE RestingECG [<!ENTITY x SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE RestingECG [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x.dtd"> %x;]>',
        '<!DOCTYPE RestingECG SYSTEM "restecg.dtd" [<!ATTLIST RestingECG a CDATA "x">]>',
    ],
)
def test_entities_and_a_dtd_of_its_own_are_an_error_that_says_so(doctype: str, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(declared(muse(counts(8), doctype=doctype)))
    with pytest.raises(UnsupportedFormatError, match="DTD or entities"):
        read_ecg(tmp_path / "a.xml")


def test_a_named_dtd_is_not_fetched_and_what_it_might_declare_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "restecg.dtd").write_text('<!ENTITY who "somebody">')
    for doctype in (
        '<!DOCTYPE RestingECG SYSTEM "restecg.dtd">',
        '<!DOCTYPE RestingECG PUBLIC "-//x" "http://[::1]/">',
    ):
        (tmp_path / "a.xml").write_bytes(declared(muse(counts(8), doctype=doctype)))
        assert read_ecg(tmp_path / "a.xml").n_leads == 12
        (tmp_path / "b.xml").write_bytes(declared(muse(counts(8), doctype=doctype, more=WHO.replace(NAME, "&who;"))))
        with pytest.raises(UnsupportedFormatError, match="DTD or entities"):
            read_ecg(tmp_path / "b.xml")


def test_more_or_deeper_elements_than_an_ecg_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.xml").write_text(muse(counts(8), more="<a>" * 200 + "</a>" * 200))
    (tmp_path / "b.xml").write_text(muse(counts(8), more="<a/>" * 1000))
    monkeypatch.setattr(xml, "MAX_ELEMENTS", 900)
    for name in ("a.xml", "b.xml"):
        with pytest.raises(UnsupportedFormatError, match="elements"):
            read_ecg(tmp_path / name)


def test_a_file_longer_than_any_ecg_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(declared(muse(counts(8))))
    with path.open("r+b") as file:
        file.truncate(xml.MAX_BYTES + 1)

    def never(self: Path) -> bytes:
        raise AssertionError("read")

    monkeypatch.setattr(Path, "read_bytes", never)
    with pytest.raises(UnsupportedFormatError, match="64 are read"):
        read_ecg(path)


def test_xml_that_is_no_ecg_names_its_root_and_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text("<?xml version='1.0'?><!-- x --><invoice/>")
    with pytest.raises(UnknownFormatError, match=r"<invoice>.*aECG, MUSE, Sierra, CardioSoft, Schiller and Mortara"):
        read_ecg(path)
    with pytest.raises(UnsupportedFormatError, match="<invoice>, not <RestingECG>"):
        read_ecg(path, format="muse")
    path.write_text("no XML at all")
    with pytest.raises(CorruptFormatError, match="line 1"):
        read_ecg(path)


def test_the_root_may_stand_behind_a_long_comment(tmp_path: Path) -> None:
    text = f"<!-- {'x' * 10_000} -->{muse(counts(8))}"
    for name, encoding in (("a.xml", "UTF-8"), ("b", "UTF-16")):
        (tmp_path / name).write_bytes(declared(text, encoding))
        assert read_ecg(tmp_path / name).source.format == "muse"


@pytest.mark.parametrize(
    ("head", "root"),
    [
        (b"<a/>", "a"),
        (b"\xef\xbb\xbf <?xml version='1.0' ?>\r\n<!-- <b> -- ><b> --><x:a>", "a"),
        (b"<?xml version='1.0'?><?xml-stylesheet href='b'?><!DOCTYPE a SYSTEM '[x]>' [<!ENTITY y 'z'>]><a>", "a"),
        ("<?xml version='1.0'?><a>".encode("utf-16"), "a"),
        ("<a>".encode("utf-16-be"), "a"),
        (b"<!-- never closed <a>", None),
        (b"< a", None),
        (b"", None),
        (b"plain <a>", None),
    ],
)
def test_the_root_is_found_behind_what_may_stand_in_front_of_it(head: bytes, root: str | None) -> None:
    assert xml_root(head) == root


def test_finding_the_root_takes_no_time_on_a_hostile_head() -> None:
    for head in (b"<!--" + b"-" * 4000, b"<?" * 2000, b"<!DOCTYPE " * 400, (b"<!--a-->" * 500)[:-1], b"<" * 4096):
        assert xml_root(head) in (None, "")


def test_numbers_are_whole_where_they_can_be() -> None:
    path = Path("a.xml")
    found = xml.numbers_of(" 1 -2\n\t3 ", path=path, lead="I")
    assert found.dtype == np.int32 and found.tolist() == [1, -2, 3]
    assert xml.numbers_of("1,2,", path=path, lead="I", separator=",").tolist() == [1, 2]
    assert xml.numbers_of("1.5 2e1", path=path, lead="I").tolist() == [1.5, 20.0]
    assert xml.numbers_of("  ", path=path, lead="I").size == 0
    for text in ("1 2 x", "1,2", "1 2 99999999999", "١ ٢", "0x10", "1 2 -", "1 - 2", "- 1"):
        with pytest.raises(CorruptFormatError, match="lead I"):
            xml.numbers_of(text, path=path, lead="I")


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_any_file_name_will_do(name: str, tmp_path: Path) -> None:
    for suffix in (".xml", ".atc", ".dat", ".edf", ".csv", ""):
        path = tmp_path / f"visit{suffix}"
        path.write_bytes(SAMPLES[name][1]())
        assert read_ecg(path).source.format == name


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_leads_and_pieces_can_be_chosen(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(SAMPLES[name][1]())
    whole = read_ecg(path)
    some = read_ecg(path, leads=("avf", "I"))
    assert some.leads == ("aVF", "I") and len(some.source.lsb_mv or ()) == 2
    np.testing.assert_array_equal(some.signal, whole.signal[[whole.leads.index("aVF"), whole.leads.index("I")]])
    with open_ecg(path) as reader:
        np.testing.assert_array_equal(reader.read(17, 43), whole.signal[:, 17:43])
    with pytest.raises(InputError, match="fs"):
        read_ecg(path, fs=123)


@pytest.mark.parametrize("name", sorted(SAMPLES))
@pytest.mark.parametrize("share", [0.01, 0.3, 0.9, 0.999])
def test_a_file_that_was_cut_off_says_so(name: str, share: float, tmp_path: Path) -> None:
    raw = SAMPLES[name][1]()
    path = tmp_path / "a"
    path.write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(FormatError, match=r"breaks off|ends in the middle|no block|again"):
        read_ecg(path, format=name)


def test_an_error_quotes_nobody(tmp_path: Path) -> None:
    text = aecg(counts(), subject=f"<subjectDemographicPerson><name>{NAME}</name></subjectDemographicPerson>")
    path = tmp_path / "a.xml"
    for broken in (text.replace("</AnnotatedECG>", ""), text.replace("<digits>", f"<digits>{NAME} "), text[:900]):
        path.write_bytes(declared(broken))
        with pytest.raises(FormatError) as caught:
            read_ecg(path)
        assert "лкина" not in str(caught.value)
