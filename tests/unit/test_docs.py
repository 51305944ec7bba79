"""The documents say what the code says."""

from __future__ import annotations

import importlib.util
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecg_engine import vocabulary
from ecg_engine.cli.modelling import models_app
from ecg_engine.formats.registry import FORMATS
from ecg_engine.interpretation.context import RULES
from ecg_engine.interpretation.fusion import JOINS
from ecg_engine.measurement.model_inputs import PREPARATIONS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]


@pytest.fixture(scope="module")
def maker() -> Any:
    spec = importlib.util.spec_from_file_location("make_rules", DOCS / "make_rules.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def rules() -> str:
    return (DOCS / "rules.md").read_text(encoding="utf-8")


def test_the_rules_are_those_of_the_code(maker: Any, rules: str) -> None:
    assert rules == maker.make(), "docs/rules.md is out of date; run: python docs/make_rules.py"


def test_every_rule_has_its_words_and_its_sources(rules: str) -> None:
    for rule in RULES:
        part = rules.partition(f"**`{rule.code}`**: ")[2].partition("\n\n**`")[0]
        assert part and not part.startswith("–"), f"{rule.code}: no docstring"
        assert "\n- sources: " in part, f"{rule.code}: no source"
        assert "\n- looks at: " in part, f"{rule.code}: no measurement"


def test_every_quantity_is_defined_and_nothing_else() -> None:
    defined = tomllib.loads((DOCS / "quantities.toml").read_text(encoding="utf-8"))
    assert set(defined) == set(vocabulary.quantities()), "docs/quantities.toml"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+(?:\([^)]*\)[^)\s]*)?)\)", page.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file), target


def anchors(page: Path) -> set[str]:
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    made = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return made | set(re.findall(r'<a id="([^"]+)"', text))


def test_every_format_is_described() -> None:
    text = (DOCS / "formats.md").read_text(encoding="utf-8")
    for row in FORMATS:
        suffixes = ", ".join(f"`{suffix}`" for suffix in row.suffixes)
        assert re.search(rf"^\| `{row.name}` \| .* \| {re.escape(suffixes)} \|$", text, re.MULTILINE), row.name


def keys(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield from schema["properties"]
        for part in schema.values():
            yield from keys(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from keys(part)


def test_every_key_of_the_report_is_described() -> None:
    schema = json.loads((DOCS / "report.schema.json").read_text(encoding="utf-8"))
    text = (DOCS / "report.md").read_text(encoding="utf-8")
    missing = {key for key in keys(schema) if not re.search(rf"\b{key}\b", text)}
    assert missing == set()


def test_the_table_that_joins_scores_and_statements_is_described() -> None:
    text = (DOCS / "models.md").read_text(encoding="utf-8")
    for label, join in JOINS.items():
        alone, pain = (f"`{level}`" if level else "–" for level in (join.raises_to, join.with_pain or join.raises_to))
        assert re.search(rf"^\| [^|]*`{label}`[^|]* \| [^|]+ \| {alone} \| {pain} \|$", text, re.MULTILINE), label


def test_every_preparation_of_an_ecg_is_described() -> None:
    text = (DOCS / "models.md").read_text(encoding="utf-8")
    assert [name for name in PREPARATIONS if f"`{name}`" not in text] == []


def test_every_command_for_models_is_described() -> None:
    text = (DOCS / "models.md").read_text(encoding="utf-8")
    for command in models_app.registered_commands:
        name = command.name or getattr(command.callback, "__name__", "")
        assert f"ecg-engine models {name}" in text
        assert "Examples:" in (command.epilog or "")
    for option in ("--card", "--labels", "--few", "--report", "--specificity", "--out", "--json"):
        assert option in text
