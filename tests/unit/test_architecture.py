"""What no linter sees: sizes, tables and their texts, and that everything a user may say is documented."""

from __future__ import annotations

import re
import string
import subprocess
import sys
import tomllib
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer

import ecg_engine
from ecg_engine import errors, settings, vocabulary
from ecg_engine.cli.app import app
from ecg_engine.formats.registry import FORMATS

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "ecg_engine"
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*.py"))
TABLES = ("holter", "notes", "page", "quantities", "scores", "statements")


def table(name: str) -> dict[str, Any]:
    return tomllib.loads((PACKAGE / "vocabulary" / f"{name}.toml").read_text(encoding="utf-8"))


def documentation() -> str:
    texts = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return "\n".join(path.read_text(encoding="utf-8") for path in texts)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_fits_a_reader(module: str) -> None:
    assert len((ROOT / module).read_text(encoding="utf-8").splitlines()) <= 500


def test_all_is_exact_and_importable() -> None:
    assert ecg_engine.__all__ == sorted(ecg_engine.__all__)
    assert set(ecg_engine.__all__) == set(ecg_engine._WHERE)
    for name in ecg_engine.__all__:
        assert getattr(ecg_engine, name) is getattr(import_module(f"ecg_engine.{ecg_engine._WHERE[name]}"), name)
    assert set(dir(ecg_engine)) == {*ecg_engine.__all__, "__version__"}
    with pytest.raises(AttributeError):
        _ = ecg_engine.nonsense


def test_the_packages_all_lists_are_importable() -> None:
    for module in MODULES:
        name = module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        if name != "ecg_engine.__main__":
            imported = import_module(name)
            missing = [word for word in getattr(imported, "__all__", []) if not hasattr(imported, word)]
            assert missing == [], name


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, ecg_engine; print([m for m in ('numpy', 'scipy', 'numba', 'pandas') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_the_version_is_the_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert ecg_engine.__version__ == project["version"]
    assert f"## {project['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\nversion: {project['version']}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_every_error_is_of_the_tree() -> None:
    for name in errors.__all__:
        assert issubclass(getattr(errors, name), errors.EcgEngineError)


@pytest.mark.parametrize("row", FORMATS, ids=lambda row: row.name)
def test_the_functions_of_a_format_load(row: Any) -> None:
    for where in filter(None, (row.reader, row.writer)):
        module, _, function = where.partition(":")
        assert callable(getattr(import_module(module), function))
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in row.suffixes)


@pytest.mark.parametrize("name", TABLES)
def test_every_text_is_there_in_both_languages(name: str) -> None:
    for code, entry in table(name).items():
        for lang in vocabulary.LANGUAGES:
            assert entry.get(lang, "").strip(), f"{name}.{code}: no text in {lang}"


@pytest.mark.parametrize("name", TABLES)
def test_the_languages_ask_for_the_same_facts(name: str) -> None:
    def asked(template: str) -> set[str | None]:
        return {field for _, field, _, _ in string.Formatter().parse(template) if field is not None}

    for code, entry in table(name).items():
        assert asked(entry["en"]) == asked(entry["ru"]), f"{name}.{code}"


@pytest.mark.parametrize("name", TABLES)
def test_a_russian_text_is_russian(name: str) -> None:
    for code, entry in table(name).items():
        assert not re.search(r"[а-яё]", entry["en"], re.IGNORECASE), f"{name}.{code}"


def test_the_vocabulary_loads_whole() -> None:
    for code in vocabulary.statements():
        assert vocabulary.statement(code).code == code
    for code in vocabulary.quantities():
        assert vocabulary.quantity(code).unit
    for key in table("sources"):
        assert vocabulary.source(key).citation


def commands() -> dict[str, Any]:
    return dict(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_and_option_is_documented(name: str) -> None:
    text = documentation()
    assert f"ecg-engine {name}" in text
    command = commands()[name]
    assert command.help and "Examples:" in (command.epilog or "")
    for parameter in command.params:
        for option in parameter.opts:
            if option.startswith("--") and option != "--help":
                assert option in text, f"ecg-engine {name} {option}"


@pytest.mark.parametrize("record", [settings.DecodeSettings, settings.PageSettings, settings.PatientSettings])
def test_every_setting_is_documented(record: type) -> None:
    text = documentation() + (record.__doc__ or "")
    assert [f.name for f in fields(record) if not re.search(rf"\b{f.name}\b", text)] == []


@pytest.mark.parametrize("kind", ["statements", "quantities"])
def test_every_code_is_documented(kind: str) -> None:
    text = documentation()
    assert [code for code in table(kind) if not re.search(rf"\b{code}\b", text)] == []


def test_the_project_names_no_host_of_a_package_registry() -> None:
    tracked = [
        ROOT / name
        for name in ("pyproject.toml", "constraints.txt", "Makefile", "README.md", ".ci/run", "CONTRIBUTING.md")
    ]
    for path in tracked:
        assert not re.search(r"--(extra-)?index-url|--find-links", path.read_text(encoding="utf-8")), path.name
