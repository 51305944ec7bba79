"""The page of a batch: complete, safe against hostile names, in constant memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ecg_engine.errors import InputError
from ecg_engine.report import summary
from ecg_engine.report.summary import write_summary

ROW = {
    "rank": 1, "level": "urgent", "because": "effusion", "priority": 0.83, "patient_id": "A-1", "sex": "F", "age": 61,
    "date": "2026-02-03", "time": "10:11:12", "accession": "77", "modality": "DX", "body_part": "CHEST",
    "view": "PA; LATERAL", "gate": "accepted", "findings": "effusion 0.83; pneumonia_paediatric 0.60 (research)",
    "cardiothoracic_ratio": 0.561,
    "conclusion": "Pleural effusion, on the right (score 0.83).\nSecond line.", "report": "studies/a.json",
    "thumbnail": "studies/a.0.png", "overlay": "studies/a.0.overlay.png", "n_images": 2,
}  # fmt: skip
FACTS = {
    "engine": "ecg_engine 0.1.0", "models": ["gate 1.0", "findings 2.0"], "seconds": 12.34, "n_studies": 3,
    "skipped": {".txt": 4, "": 1},
}  # fmt: skip
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>\x00\u202egpj'


class Page(HTMLParser):
    """Tags with their attributes, text, and whether every tag was closed."""

    VOID = ("meta", "img", "input", "br", "line", "hr")

    def __init__(self, content: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def written(tmp_path: Path, rows: list[dict[str, Any]], refused: Any = (), lang: str = "en", **facts: Any) -> str:
    path = tmp_path / "summary.html"
    write_summary(path, facts={**FACTS, **facts}, rows=iter(rows), refused=iter(refused), n_rows=len(rows), lang=lang)
    assert [p.name for p in tmp_path.iterdir()] == ["summary.html"], "no half-written file stays"
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("lang", "words"),
    [("en", ("Preliminary", "Pleural effusion 0.83", "PA and lateral views", "61 y", "cardiothoracic ratio 0.56",
             "(research)",
             "2026-02-03 10:11:12", "Second line.", "gate 1.0, findings 2.0", "12.3")),
     ("ru", ("Предварительно", "Плевральный выпот 0,83", "прямая задне-передняя и боковая проекции", "61 год",
             "КТИ 0,56", "(исслед.)", "03.02.2026", "органы грудной клетки", "12,3"))],
)  # fmt: skip
def test_a_study_is_shown_with_all_that_is_known_of_it(tmp_path: Path, lang: str, words: tuple[str, ...]) -> None:
    page = Page(written(tmp_path, [ROW], lang=lang))
    assert page.open == []
    assert [word for word in words if word not in page.text] == []
    assert page.all("html")[0]["lang"] == lang
    (picture,) = page.all("img")
    assert picture["src"] == "./studies/a.0.png" and picture["alt"]
    assert {a["href"] for a in page.all("a")} == {"./studies/a.json", "./studies/a.0.overlay.png"}


def test_studies_stand_in_the_order_given_and_are_counted_by_level(tmp_path: Path) -> None:
    levels = ["critical", "urgent", "urgent", "unscored", "routine"]
    page = Page(written(tmp_path, [{**ROW, "rank": i, "level": level} for i, level in enumerate(levels, 1)]))
    assert [a["class"] for a in page.all("tr") if "class" in a] == levels
    assert "1 Critical within minutes 2 Urgent today 1 Unscored to a doctor before routine work 1 Routine" in page.text


def test_nothing_is_loaded_from_elsewhere_and_nothing_runs(tmp_path: Path) -> None:
    page = Page(written(tmp_path, [ROW]))
    assert not page.all("script") and not page.all("link")
    assert any("default-src 'none'" in (meta.get("content") or "") for meta in page.all("meta"))
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    for _, attrs in page.tags:
        for name in ("src", "href"):
            assert (attrs.get(name) or "./").startswith("./")


@pytest.mark.parametrize("key", sorted(set(ROW) - {"rank"}))
def test_hostile_values_stay_text(tmp_path: Path, key: str) -> None:
    plain = Page(written(tmp_path, [ROW], [{"file": "a", "reason": "b", "kind": "c"}]))
    hostile = Page(written(tmp_path, [{**ROW, key: HOSTILE}], [{"file": HOSTILE, "reason": HOSTILE, "kind": HOSTILE}]))
    assert {tag for tag, _ in hostile.tags} <= {tag for tag, _ in plain.tags}
    assert not any(name.startswith("on") for _, attrs in hostile.tags for name in attrs)
    content = (tmp_path / "summary.html").read_text(encoding="utf-8")
    assert "\u202e" not in content and "\x00" not in content and "<script" not in content


@pytest.mark.parametrize(
    ("path", "link"),
    [("javascript:alert(1)", "./javascript%3Aalert%281%29"), ("//evil.example/x.png", "./evil.example/x.png"),
     ("studies/a b#c?.png", "./studies/a%20b%23c%3F.png"), ("studies/\udcff.png", "./studies/%FF.png")],
)  # fmt: skip
def test_links_lead_nowhere_but_beside_the_page(tmp_path: Path, path: str, link: str) -> None:
    page = Page(written(tmp_path, [{**ROW, "thumbnail": path, "overlay": None}]))
    assert page.all("img")[0]["src"] == link


def test_an_unscored_study_says_why_in_words(tmp_path: Path) -> None:
    row = {
        **ROW,
        "level": "unscored",
        "because": "turned; other_body_part",
        "body_part": "HAND",
        "priority": None,
        "findings": "",
    }
    text = Page(written(tmp_path, [row], lang="ru")).text
    assert "снимок повёрнут" in text and "кисть" in text and "приоритет 0" not in text
    worded = {**row, "words": {"because": "повёрнут на 90°"}}
    assert "повёрнут на 90°" in Page(written(tmp_path, [worded], lang="ru")).text


def test_rows_as_csv_gives_them_and_with_gaps_are_shown_too(tmp_path: Path) -> None:
    texts = {key: "" if value is None else str(value) for key, value in ROW.items()}
    assert "priority 0.83" in Page(written(tmp_path, [texts])).text
    bare = Page(written(tmp_path, [{"level": "routine"}]))
    assert "Patient not named" in bare.text and "no picture" in bare.text
    odd = Page(
        written(tmp_path, [{**ROW, "level": "strange", "age": "61Y", "findings": "free words", "priority": "?"}])
    )
    assert all(word in odd.text for word in ("strange", "61Y", "free words"))


def test_refused_files_are_listed_with_their_reasons_and_what_was_skipped(tmp_path: Path) -> None:
    page = Page(
        written(tmp_path, [ROW], [{"file": "x/1.dcm", "reason": "stream breaks off", "kind": "CorruptFormatError"}])
    )
    assert all(word in page.text for word in ("Refused files: 1", "x/1.dcm", "stream breaks off", ".txt: 4"))
    assert "No file was refused" in Page(written(tmp_path, [ROW])).text
    assert "No studies." in Page(written(tmp_path, [])).text


def test_a_long_quarantine_is_cut_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "MOST_REFUSED", 2)
    page = Page(written(tmp_path, [ROW], [{"file": f"f{i}", "reason": "r", "kind": "k"} for i in range(5)]))
    assert "Refused files: 5" in page.text and "The first 2 of 5" in page.text and "f2" not in page.text


def test_an_interrupted_batch_says_so(tmp_path: Path) -> None:
    assert "interrupted" in Page(written(tmp_path, [ROW], interrupted=True)).text
    assert "interrupted" not in Page(written(tmp_path, [ROW])).text


def test_pictures_of_the_first_are_shown_and_the_page_says_that_the_others_are_not(tmp_path: Path) -> None:
    rows = [{**ROW, "rank": i} for i in range(1, summary.MOST_PICTURES + 4)]
    page = Page(written(tmp_path, rows))
    assert len(page.all("img")) == summary.MOST_PICTURES
    assert f"the first {summary.MOST_PICTURES} of {len(rows)} studies" in page.text
    assert sum("class" in a for a in page.all("tr")) == len(rows), "the others are listed all the same"
    assert "first 500" not in Page(written(tmp_path, rows[:3])).text


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    def rows(n: int) -> Iterator[dict[str, Any]]:
        return ({**ROW, "rank": i} for i in range(n))

    def peak(n: int) -> int:
        tracemalloc.start()
        write_summary(tmp_path / "s.html", facts={}, rows=rows(n), refused=(), n_rows=n, lang="en")
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(10)
    assert peak(2000) < peak(200) + 200_000


@pytest.mark.parametrize("broken_part", ["rows", "refused"])
def test_a_failing_source_leaves_the_old_page(tmp_path: Path, broken_part: str) -> None:
    before = written(tmp_path, [ROW])

    def broken() -> Iterator[dict[str, Any]]:
        yield ROW
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        sources = {"rows": iter([ROW]), "refused": (), broken_part: broken()}
        write_summary(tmp_path / "summary.html", facts={}, n_rows=2, lang="en", **sources)
    assert (tmp_path / "summary.html").read_text(encoding="utf-8") == before
    assert len(list(tmp_path.iterdir())) == 1


def test_an_unknown_language_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lang"):
        written(tmp_path, [ROW], lang="de")
