"""Make ``docs/rules.md`` from the rules, limits and vocabulary themselves.

python docs/make_rules.py            write it
python docs/make_rules.py --check    exit with 1 where it is not what this would write
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import importlib
import inspect
import pkgutil
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np

import ecg_engine.interpretation as package
from ecg_engine import vocabulary
from ecg_engine.detection import parameters
from ecg_engine.interpretation import limits, normal_limits, statements, urgency
from ecg_engine.interpretation.context import RULES, Context, Rule
from ecg_engine.pipeline import _ecg_context
from ecg_engine.types import Beats, Measurements, Patient, Quality, Statement, Urgency

FOLDER: Final = Path(__file__).resolve().parent
TARGET: Final = FOLDER / "rules.md"
NONE: Final = "–"
#: Modules whose tables have a chapter of their own.
SHOWN: Final = (statements, urgency)
#: Whom the limits are shown for: column, age, sex.
PATIENTS: Final = (
    ("6 months", 0.5, None), ("2 y", 2.0, None), ("5 y", 5.0, None), ("8 y", 8.0, None), ("14 y", 14.0, None),
    ("woman, 30", 30.0, "F"), ("man, 30", 30.0, "M"), ("man, 61", 61.0, "M"), ("unknown", None, None),
)  # fmt: skip


def make() -> str:
    """Return the whole document."""
    parts = [
        "# Rules",
        "Made by `docs/make_rules.py` from the code; do not edit. Every statement that the engine can make, on what "
        "grounds, and how urgent it is. A statement is made by one rule, a function of the measurements; its evidence "
        "holds the values, thresholds and sources that it rests on.",
        _rules(),
        _statements(),
        _suppressed(),
        _urgency(),
        _limits(),
        _normal(),
        _constants(),
        _parameter_tables(),
        _quantities(),
        _sources(),
    ]
    return "\n\n".join(parts) + "\n"


# ------------------------------------------------------------------------------------------------------------ rules


def _rules() -> str:
    parts = ["## Rules by family"]
    for family in dict.fromkeys(rule.family for rule in RULES):
        parts.append(f"### {family.capitalize()}")
        parts += [_rule(rule) for rule in RULES if rule.family == family]
    return "\n\n".join(parts)


def _rule(rule: Rule) -> str:
    functions = list(_reached(rule.run))
    strings = list(dict.fromkeys(text for _, tree in functions for text in _strings(tree)))
    said = [code for code in strings if code in vocabulary.statements()] or [rule.code]
    said = [code for code in said if code == rule.code] or said
    measured = [code for code in strings if code in vocabulary.quantities()]
    cited = [key for key in strings if key in vocabulary._table("sources")]
    lines = [f"**`{rule.code}`**: {_sentence(rule.run)}", ""]
    rows = {
        "looks at": ", ".join(f"`{code}`" for code in measured),
        "named limits": "; ".join(_thresholds(functions)),
        "sources": ", ".join(f"[{key}](#{_anchor(key)})" for key in cited),
        "level": ", ".join(dict.fromkeys(_level(code) for code in said)),
    }
    lines += [f"- {name}: {value}" for name, value in rows.items() if value]
    return "\n".join(lines)


def _sentence(function: Any) -> str:
    text = " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
    return text or NONE


def _reached(function: Any) -> Iterator[tuple[ModuleType, ast.AST]]:
    """Yield a rule's function and the helpers of ours that it calls, with their modules; no other rules."""
    rules = {rule.run for rule in RULES}
    waiting, seen = [function], {function}
    while waiting:
        current = waiting.pop(0)
        module = sys.modules[current.__module__]
        tree = ast.parse(inspect.getsource(current))
        yield module, tree
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            called = getattr(module, node.func.id, None)
            is_ours = inspect.isfunction(called) and called.__module__.startswith(package.__name__ + ".")
            if is_ours and called not in rules and called not in seen and called.__name__ != "fact":
                seen.add(called)
                waiting.append(called)


def _strings(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _thresholds(functions: Iterable[tuple[ModuleType, ast.AST]]) -> list[str]:
    """Return the limits by age and sex (``limits.x``) and the constants that the functions name."""
    fields = {field.name for field in dataclasses.fields(limits.Limits)} - {"adult"}
    out: dict[str, None] = {}
    for module, tree in functions:
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in fields:
                out[f"`{node.attr}` by age and sex"] = None
            elif isinstance(node, ast.Name) and re.fullmatch(r"_?[A-Z][A-Z0-9_]+", node.id):
                value = _plain(getattr(module, node.id, None))
                if value is not None:
                    out[f"`{node.id}` {value}"] = None
    return list(out)


def _plain(value: Any) -> str | None:
    """Return numbers, words and short tuples or sets of them as text; None for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        return f"{value:g}"
    if isinstance(value, str):
        return value
    if isinstance(value, (tuple, list, frozenset, set)):
        items = sorted(value, key=str) if isinstance(value, (frozenset, set)) else list(value)
        texts = [_plain(item) for item in items]
        if texts and all(text is not None for text in texts):
            return f"({', '.join(text for text in texts if text is not None)})"
    if isinstance(value, Mapping):
        pairs = [(_plain(key), _plain(item)) for key, item in value.items()]
        if pairs and all(key is not None and item is not None for key, item in pairs):
            return "; ".join(f"{key}: {item}" for key, item in pairs)
    return None


def _level(code: str) -> str:
    level = _judged((code,)).level
    pressing = limits.limits_for(None, None).qtc_critical_ms
    at_once = _judged((code,), qtc_fridericia_ms=pressing).level
    if level != at_once:
        return f"{level}, {at_once} with QTc from {pressing:g} ms"
    qualified = [(keys[1:], to) for keys, to in urgency.QUALIFIED_LEVELS.items() if keys[0] == code]
    return "; ".join([level, *(f"{to} where {' and '.join(words)}" for words, to in qualified)])


def _judged(codes: Sequence[str] = (), *, age: float | None = None, **measured: float) -> Urgency:
    """Return what the engine makes of statements and measurements in a clean recording of three beats."""
    context = Context(
        measurements=Measurements(overall=measured),
        quality=Quality(by_lead={}, acceptable=True),
        beats=Beats(r_peaks=np.array([500, 1000, 1500])),
        patient=Patient(age_years=age),
        limits=limits.limits_for(age, None),
        leads=(),
        n_beats_in_median=3,
        duration_s=10.0,
        st_certain=True,
    )
    return urgency.judge_urgency(context, tuple(Statement(code=code) for code in codes), judged=())


# ------------------------------------------------------------------------------------------------------- vocabulary


def _statements() -> str:
    runs = {rule.code for rule in RULES}
    rows = []
    for code in vocabulary.statements():
        term = vocabulary.statement(code)
        others = (term.scp, term.aha, term.snomed, term.minnesota)
        made = "yes" if code in runs else "not yet"
        rows.append((f"`{code}`", term.text["en"], term.text["ru"], *(other or NONE for other in others), made))
    head = ("code", "English", "Russian", "SCP-ECG", "AHA", "SNOMED CT", "Minnesota", "has a rule")
    note = (
        "In the order in which a conclusion lists them. A dash: the system has no equivalent, or none that is certain."
    )
    return f"## Statements\n\n{note}\n\n{_table(head, rows)}"


def _quantities() -> str:
    definitions = tomllib.loads((FOLDER / "quantities.toml").read_text(encoding="utf-8"))
    rows = []
    for code in vocabulary.quantities():
        term = vocabulary.quantity(code)
        rows.append((f"`{code}`", term.unit, term.text["en"], term.text["ru"], definitions.get(code, NONE)))
    note = (
        "Units are UCUM. Amplitudes are against the mean of the last 16 ms before the QRS onset of the median beat. "
        "What cannot be measured is absent, never 0. How they are measured: [methods.md](methods.md)."
    )
    return f"## Quantities\n\n{note}\n\n{_table(('code', 'unit', 'English', 'Russian', 'definition'), rows)}"


def _sources() -> str:
    lines = ["## Sources"]
    for key in vocabulary._table("sources"):
        term = vocabulary.source(key)
        doi = f" [doi:{term.doi}](https://doi.org/{term.doi})" if term.doi else ""
        lines.append(f'<a id="{_anchor(key)}"></a>**{key}**: {term.citation.rstrip(".")}.{doi}')
    return "\n\n".join(lines)


def _anchor(key: str) -> str:
    return f"source-{key.replace('_', '-')}"


# ----------------------------------------------------------------------------------------------- limits and urgency


def _suppressed() -> str:
    rows = [
        (f"`{code}`", ", ".join(f"`{gone}`" for gone in sorted(goes))) for code, goes in statements.SUPPRESSES.items()
    ]
    return f"## What a statement takes away\n\n{_table(('statement', 'not said beside it'), rows)}"


def _urgency() -> str:
    levels = {code: _level(code) for code in vocabulary.statements()}
    children = [(name, age) for name, age, _ in PATIENTS if age is not None and not limits.limits_for(age, None).adult]
    rates = [(text, level, "adult") for text, level in _rates(None)]
    rates += [(text, level, name) for name, age in children for text, level in _rates(age)]
    parts = [
        "## Urgency",
        f"From the most pressing down: {', '.join(urgency.LEVELS)}. The most pressing level of any statement, rate or "
        "reason counts; reasons to record again are listed apart and never lower it. `unscored` goes to a doctor "
        "before `routine`; a recording that is too short, too noisy or without enough beats is `unscored` at least. "
        "The tables show what the engine answers, asked for each statement and each whole rate by itself; what is not "
        "listed is routine.",
        _table(
            ("statement", "level"),
            [(f"`{code}`", level) for code, level in levels.items() if level != urgency.LEVELS[-1]],
        ),
        _table(("ventricular rate, /min", "level", "age"), rates),
    ]
    return "\n\n".join(parts)


def _rates(age: float | None) -> Iterator[tuple[str, str]]:
    """Yield the ranges of whole rates, and the level that each has."""
    levels = [_judged(age=age, heart_rate_bpm=float(bpm)).level for bpm in range(1, 401)]
    start = 0
    for stop in range(1, len(levels) + 1):
        if stop < len(levels) and levels[stop] == levels[start]:
            continue
        if levels[start] != urgency.LEVELS[-1]:
            first, last = start + 1, stop
            text = (
                f"up to {last}" if first == 1 else f"{first} and more" if last == len(levels) else f"{first} to {last}"
            )
            yield text, levels[start]
        start = stop


def _limits() -> str:
    named = [(name, limits.limits_for(age, sex)) for name, age, sex in PATIENTS]
    rows = []
    for field in dataclasses.fields(limits.Limits):
        rows.append((f"`{field.name}`", *(_cell(getattr(one, field.name)) for _, one in named)))
    meaning = "\n".join(f"- {line}" for line in _parameters(limits.Limits))
    head = ("limit", *(name for name, _ in named))
    return f"## Limits by age and sex\n\n{_sentence(limits)}\n\n{_table(head, rows)}\n\n{meaning}"


def _normal() -> str:
    ages = [(f"{months} months", months / 12) for months in (0, 1, 3, 6)]
    ages += [(f"{years} y", float(years)) for years in (1, 3, 5, 8, 12)] + [("adults", None)]
    people = [(f"{name}, {sex}", normal_limits.normal_limits(age, sex)) for name, age in ages for sex in ("M", "F")]
    codes = list(dict.fromkeys(code for _, normal in people for code in normal))
    rows = [(name, *(_range(normal.get(code)) for code in codes)) for name, normal in people]
    text = (inspect.getdoc(normal_limits) or "").partition("\n\n")[2]
    head = ("from", *(f"`{code}`" for code in codes))
    return f"## Normal values by age and sex\n\n{' '.join(text.split())}\n\n{_table(head, rows)}"


def _range(limits: tuple[float | None, float | None] | None) -> str:
    if limits is None:
        return NONE
    low, high = limits
    return f"up to {high:g}" if low is None else f"{low:g} to {high:g}"


def _cell(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else _plain(value) or NONE


def _parameters(cls: type) -> list[str]:
    """Return the parameters of a numpydoc text, one line each."""
    text = inspect.getdoc(cls) or ""
    body = text.partition("----------\n")[2]
    out: list[str] = []
    for line in body.splitlines():
        if line and not line.startswith(" "):
            out.append(", ".join(f"`{name.strip()}`" for name in line.partition(" : ")[0].split(",")))
        elif line.strip() and out:
            out[-1] += f"{' ' if ': ' in out[-1] else ': '}{line.strip()}"
    return [line for line in out if ": " in line]


def _constants() -> str:
    modules = [importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    rows = [row for module in (_ecg_context, *modules) if module not in SHOWN for row in _commented(module)]
    note = "The commented constants of `pipeline._ecg_context` and `interpretation`, as they stand in the code."
    return f"## Constants\n\n{note}\n\n{_table(('constant', 'value', 'meaning and source'), rows)}"


def _commented(module: ModuleType) -> Iterator[tuple[str, str, str]]:
    """Yield name, value and ``#:`` comment of a module's constants."""
    comment: list[str] = []
    for line in Path(module.__file__ or "").read_text(encoding="utf-8").splitlines():
        if line.startswith("#:"):
            comment.append(line[2:].strip())
            continue
        found = re.match(r"(_?[A-Z][A-Z0-9_, ]*)(?::[^=]+)?\s*=", line)
        if found and comment:
            names = [name.strip() for name in found[1].split(",")]
            values = [_plain(getattr(module, name, None)) for name in names]
            if all(value is not None for value in values):
                where = module.__name__.rpartition(".")[2]
                text = " ".join(comment)
                yield ", ".join(f"`{where}.{name}`" for name in names), ", ".join(map(str, values)), text
        comment = []


def _parameter_tables() -> str:
    tables = [cls for cls in vars(parameters).values() if dataclasses.is_dataclass(cls) and isinstance(cls, type)]
    parts = [
        "## Parameters",
        "Of filters, beats, waves and quality (`parameters.py` and `wave_parameters.py` in `ecg_engine/detection`).",
    ]
    for cls in tables:
        lines = inspect.getsource(cls).splitlines()
        about = "\n\n".join(" ".join(part.split()) for part in (inspect.getdoc(cls) or "").split("\n\n"))
        names = {field.name for field in dataclasses.fields(cls)}
        found = (re.match(r"    (\w+): [^=]+= [^#]+(?:#: (.*))?$", line) for line in lines)
        rows = [(f"`{m[1]}`", _plain(getattr(cls(), m[1])) or NONE, m[2] or "") for m in found if m and m[1] in names]
        parts += [f"### {cls.__name__}", about.replace("*", "\\*"), _table(("parameter", "value", ""), rows)]
    return "\n\n".join(parts)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in rows]
    return "\n".join(lines)


def main() -> None:
    """Write the document, or check it."""
    parser = argparse.ArgumentParser(description="Make docs/rules.md from the code.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where it is out of date")
    check, made = parser.parse_args().check, make()
    if not check:
        TARGET.write_text(made, encoding="utf-8", newline="\n")
    elif not TARGET.is_file() or TARGET.read_text(encoding="utf-8") != made:
        sys.exit("docs/rules.md is out of date; run: python docs/make_rules.py")


if __name__ == "__main__":
    main()
