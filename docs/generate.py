"""Write docs/reference from the registries; `make docs` runs it, and a test says if it is stale."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from claros import estimate, models, stopping, strategies
from claros.estimate import Estimator
from claros.estimate.active_testing import draw
from claros.estimate.learning_curve import outlook
from claros.inputs import AXES, NEEDS
from claros.stopping.rule import Rule
from claros.strategy import Strategy

HERE = Path(__file__).parent / "reference"
NOTICE = "<!-- Written by docs/generate.py; change the docstrings, not this page. -->\n"


def page(title: str, intro: str, sections: list[str]) -> str:
    return "\n\n".join([NOTICE + f"# {title}", intro, *sections]) + "\n"


def parameters(values: dict[str, Any]) -> str:
    return ", ".join(f"`{name}={value!r}`" for name, value in values.items()) or "none"


def strategy_section(strategy: Strategy) -> str:
    needs = ", ".join(f"`{name}`" for name in strategy.needs) or "nothing"
    optional = f"; uses, if given, {', '.join(f'`{name}`' for name in strategy.optional)}" if strategy.optional else ""
    facts = [
        f"* Needs {needs}{optional}.",
        f"* Parameters: {parameters(dict(strategy.parameters))}.",
        f"* Draws at random: {'yes' if strategy.stochastic else 'only to break ties'}.",
        f"* Source: {strategy.reference}.",
    ]
    return f"## `{strategy.name}`\n\n{strategy.documentation}\n\n" + "\n".join(facts)


def rule_section(name: str, rule: type[Rule]) -> str:
    defaults = {field.name: field.default for field in fields(rule)}
    made = stopping.get(name)
    others = [_alias(other, given) for other, (real, given) in stopping.ALIASES.items() if real == name]
    facts = [
        f"* Needs {', '.join(f'`{need}`' for need in made.needs)}.",
        f"* Parameters: {parameters(defaults)}.",
        *([f"* Also known as {', '.join(others)}."] if others else []),
        f"* Assumes: {made.assumes}",
        *([f"* Promises: {made.guarantee}"] if hasattr(made, "guarantee") else []),
        f"* Source: {made.reference}.",
    ]
    return f"## `{name}`\n\n{inspect.getdoc(rule)}\n\n" + "\n".join(facts)


def _alias(name: str, given: Mapping[str, Any]) -> str:
    return f"`{name}`" + (f" (with {parameters(dict(given))})" if given else "")


def estimate_section(made: Estimator) -> str:
    needs = ", ".join(f"`{name}`" for name in made.needs)
    optional = f"; uses, if given, {', '.join(f'`{name}`' for name in made.optional)}" if made.optional else ""
    others = ", ".join(f"`{other}`" for other, real in estimate.ALIASES.items() if real == made.name)
    facts = [
        f"* Needs {needs}{optional}.",
        f"* Parameters: {parameters(dict(made.parameters))}.",
        *([f"* Also known as {others}."] if others else []),
        f"* Draws at random: {'yes, for the interval' if made.stochastic else 'no'}.",
        f"* Source: {made.reference}.",
    ]
    return f"## `{made.name}`\n\n{made.documentation}\n\n" + "\n".join(facts)


def function_section(function: Callable[..., Any]) -> str:
    return f"## `{function.__module__}.{function.__name__}`\n\n{inspect.getdoc(function)}"


def inputs_table() -> str:
    rows = []
    for need in NEEDS.values():
        axes = f"({', '.join(need.axes)})" if need.axes else "a number"
        rows.append(f"| `{need.name}` | {axes} | {need.kind} | {need.meaning} |")
    return "\n".join(["| name | axes | values | meaning |", "|---|---|---|---|", *rows])


def models_table() -> str:
    rows = [f"| `{name}` | `{extra or '-'}` | {text} |" for name, (extra, text) in models.SUMMARIES.items()]
    return "\n".join(["| name | extra | what it is |", "|---|---|---|", *rows])


def pages() -> dict[str, str]:
    """File name -> content of every generated page."""
    axes = ", ".join(f"{letter} {meaning}" for letter, meaning in AXES.items())
    return {
        "strategies.md": page(
            "Query strategies",
            "What to label next. `claros.select(name, k, **inputs)` runs one on arrays; campaigns, `claros run` and "
            "`claros label` take the names. Higher scores are labeled sooner, always.",
            [strategy_section(strategies.get(name)) for name in strategies.names()],
        ),
        "stopping.md": page(
            "Stopping rules",
            "When to stop. `rule = claros.stopping.get(name)`; `rule.observe(...)` once a round gives what to append "
            "to a trace, `rule.decide(trace)` a decision. `first & second` stops when both do, `first | second` when "
            "either does, `rule.patience(3)` when the rule said so three times in a row. "
            "`claros.stopping.replay(rule, trace)` says what a rule would have decided on any recorded trace.",
            [rule_section(name, stopping.REGISTRY.load(name)) for name in stopping.names()],
        ),
        "estimates.md": page(
            "Estimates",
            "How good the model is, and what more labels would bring. `claros.estimate.get(name, **parameters)` gives "
            "what is called with arguments by name and returns an `Estimate`: value, low, high, level, method, n, and "
            "a sentence when it is printed. `seed=` or `rng=` moves what an interval draws at random. An estimate that "
            "cannot be made honestly is a `claros.errors.NoEstimateError`. One of your own is a function under "
            "`@claros.estimate.estimator(reference=...)`; it should pass the tests of `claros.testing.estimates`.",
            [
                *(estimate_section(estimate.get(name)) for name in estimate.names()),
                function_section(draw),
                function_section(outlook),
            ],
        ),
        "inputs.md": page(
            "Inputs",
            f"What strategies and rules may ask for, by name. Axes: {axes}.",
            [inputs_table()],
        ),
        "models.md": page(
            "Models",
            "`claros.models.get(name, **parameters)`, or `--model NAME` on the command line. A model of your own is "
            "an object with the methods of `claros.models.Model`; it should pass the tests of `claros.testing.models`.",
            [models_table()],
        ),
    }


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    for name, content in pages().items():
        (HERE / name).write_text(content)
