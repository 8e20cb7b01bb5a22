"""Write docs/strategies, a page with a picture for every strategy, from the registry; `make docs` runs it.

Pictures are made by running the strategies in the world of toy_world.py. A test says if a page is stale.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from toy_picture import picture
from toy_world import given, world

from claros import compose, strategies
from claros.inputs import NEEDS
from claros.strategies.tiers import tier
from claros.strategy import Selection, Strategy, select

HERE = Path(__file__).parent / "strategies"
NOTICE = "<!-- Written by docs/gallery.py; change the docstrings, not this page. -->"
BATCH, SEED = 10, 0

#: Lengths of axes in examples.
SIZES = {"N": 500, "L": 40, "M": 100, "T": 100, "B": 20, "C": 4, "S": 8, "D": 16, "F": 16, "K": 3, "A": 3, "W": 6}
SIZES |= {"Q": 10, "P": 10}

#: Families in the order of the index, and what each is for.
FAMILIES = {
    "Start here": "When you do not want to choose, and what everything else has to beat.",
    "Coverage": "They look at vectors only and show the whole pool: for the first labels.",
    "Uncertainty": "They ask what the model is unsure of, one item at a time: from some ten labels a class on.",
    "Hybrid": "They weigh uncertainty against variety: for large batches, and in between.",
    "Several members": "They compare predictions of an ensemble, a committee, dropout passes or posterior samples.",
    "Rare classes": "They look for more of what is rare, or leave out what is foreign.",
    "Multi-label": "For items that may have several labels at once.",
    "Sequences": "For items of many tokens, each with a tag.",
    "Regression": "For values in place of classes.",
    "Several annotators": "For items that may be asked again.",
}
#: What puts a strategy into a family of its own: an input that it needs, or its name.
SPECIAL = {
    "label_probs": "Multi-label",
    "token_probs": "Sequences",
    "predicted_values": "Regression",
    "member_values": "Regression",
    "greedy_features": "Regression",
    "annotations": "Several annotators",
    **dict.fromkeys(("galaxy", "direct", "similar", "conditional_gain", "base"), "Rare classes"),
}
#: Optional inputs that the example of a strategy without required ones has.
USUAL = ("features", "labeled_features", "probs", "labels")
PREDICTIONS, VECTORS = {"probs", "logits"}, {"embeddings", "features", "clusters", "head_weights"}

#: A wrapped strategy for each wrapper's picture.
WRAPPED = {
    "prefilter": "prefilter(margin, k_center, factor=5)",
    "subsample": "subsample(margin, size=60)",
    "partitioned": "partitioned(margin, parts=5)",
    "class_balanced": "class_balanced(margin)",
    "mixture": "mixture({margin: 0.5, k_center: 0.5})",
    "random_share": "random_share(margin, share=0.3)",
    "switch": "switch(max_herding, margin, at=5)",
    "malls": "malls(margin)",
    "seals": "seals(margin, neighbours=5)",
    "anchor_al": "anchor_al(margin, anchors=2, neighbours=10, size=30)",
    "refine": "refine(margin, max_herding, depth=2, draws=3)",
    "stochastic": "stochastic(margin, beta=4)",
    "per_cost": "per_cost(margin)",
    "tempered": "tempered(badge, temperature=0.5)",
    "prior_corrected": "prior_corrected(margin)",
}

INTRO = """What to label next: every strategy with a picture, what it needs, what it costs, where it comes from, and
when to use it. `claros list strategies` prints the same facts, [the reference](../reference/strategies.md) has the
whole text on one page, and [wrappers](wrappers.md) make new strategies of these.

**The pictures** are made by running each strategy in one small world: four classes in a plane, one dense, one wide, one
rare, with a dozen near copies of one item (top, left of the middle) and four outliers in the corners. Grey dots are the
pool, rings the 12 labeled items in the colour of their class. Where a strategy looks at predictions, the tint is what
the model predicts that was trained on them, stronger where it is surer; where items may have several labels at once,
dashed lines show where three labels change. Black numbers are the batch of ten, in the order picked. Strategies see a
point (x, y) as the vector (x, y, 3). One picture is an illustration and no evidence; when to use a strategy is said
with each."""


def family(strategy: Strategy) -> str:
    """The family by what a strategy looks at."""
    needs = {*strategy.needs}
    if strategy.name in ("auto", "random"):
        return "Start here"
    for mark, title in SPECIAL.items():
        if mark in needs or mark == strategy.name:
            return title
    if "member_probs" in needs:
        return "Several members"
    if needs & VECTORS:
        return "Hybrid" if needs & PREDICTIONS else "Coverage"
    return "Uncertainty" if strategy.scores_items else "Hybrid"


@cache
def batch(expression: str) -> Selection:
    """The batch that a strategy picks in the toy world."""
    strategy = strategies.get(expression)
    return select(strategy, BATCH, seed=SEED, n=len(world().pool), **given(strategy))


def pictures() -> dict[str, str]:
    """File name -> picture, for every strategy with a page and every wrapper."""
    drawn = {name: name for name in strategies.names() if tier(name) != "parity"} | {
        f"wrapper_{name}": WRAPPED[name] for name in compose.WRAPPERS
    }
    return {f"images/{file}.svg": _picture(expression) for file, expression in drawn.items()}


def _picture(expression: str) -> str:
    strategy = strategies.get(expression)
    title = f"Ten picks of {expression} in a toy world"
    return picture(world(), batch(expression).indices, title, (*strategy.needs, *strategy.optional))


def pages() -> dict[str, str]:
    """File name -> text of every page."""
    every = {name: strategies.get(name) for name in strategies.names()}
    return {
        "README.md": index(list(every.values())),
        "wrappers.md": wrappers_page(),
        **{f"{name}.md": strategy_page(strategy) for name, strategy in every.items() if tier(name) != "parity"},
    }


def index(every: list[Strategy]) -> str:
    sections = [NOTICE + "\n# Query strategies in pictures", INTRO]
    for title, purpose in FAMILIES.items():
        members = [strategy for strategy in every if family(strategy) == title]
        shown = [strategy for strategy in members if tier(strategy.name) != "parity"]
        shown.sort(key=lambda strategy: tier(strategy.name) != "recommended")
        rows = [f"| {_thumbnail(strategy)} | {_line(strategy)} |" for strategy in shown]
        rows += [f"| | {_short_line(strategy)} |" for strategy in members if tier(strategy.name) == "parity"]
        if rows:
            table = "\n".join(rows)
            sections.append(f"## {title}\n\n{purpose}\n\n| | |\n|---|---|\n{table}")
    return "\n\n".join(sections) + "\n"


def _thumbnail(strategy: Strategy) -> str:
    name = strategy.name
    return f'<a href="{name}.md"><img src="images/{name}.svg" width="200" alt="Picks of {name}"></a>'


def _line(strategy: Strategy) -> str:
    needs = ", ".join(f"`{name}`" for name in strategy.needs) or "nothing"
    star = " (recommended)" if tier(strategy.name) == "recommended" else ""
    return f"[**`{strategy.name}`**]({strategy.name}.md){star} {_cell(strategy.summary)}<br>Needs {needs}."


def _short_line(strategy: Strategy) -> str:
    """A strategy without a page of its own, for whoever looks for its name."""
    needs = ", ".join(f"`{name}`" for name in strategy.needs) or "nothing"
    where = f"../reference/strategies.md#{strategy.name}"
    return f"[`{strategy.name}`]({where}) {_cell(strategy.summary)}<br>Needs {needs}."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def strategy_page(strategy: Strategy) -> str:
    name, chosen = strategy.name, batch(strategy.name)
    others = [other for other, real in strategies.ALIASES.items() if real == name]
    note = [f"In the picture: {chosen.note}"] if chosen.note else []
    return (
        "\n\n".join(
            [
                f"{NOTICE}\n# `{name}`",
                strategy.summary,
                f"![Ten numbered picks of {name} in a plane of points](images/{name}.svg)",
                f"*[What the picture shows](README.md).{' ' + ' '.join(note) if note else ''}*",
                *_body(strategy.documentation),
                f"**When.** {strategy.advice}",
                _facts(strategy, others),
                "## Example",
                _example(strategy),
            ]
        )
        + "\n"
    )


def wrappers_page() -> str:
    sections = [
        f"{NOTICE}\n# Wrappers",
        "Strategies made of strategies. A wrapper takes one or two and gives one back, which may be wrapped again; it "
        "goes wherever a strategy's name goes: in Python, in a campaign, on the command line, in YAML.",
        "```python\nimport numpy as np\n\nimport claros\n\nrng = np.random.default_rng(0)\n"
        "probs, embeddings = rng.dirichlet(np.ones(4), size=500), rng.normal(size=(500, 16))\n\n"
        'by_name = "prefilter(margin, badge(temperature=0.5), factor=5)"\n'
        "picked = claros.select(by_name, 10, probs=probs, embeddings=embeddings, seed=0)\n\n"
        'badge = claros.strategies.get("badge", temperature=0.5)\n'
        'assert claros.compose.prefilter("margin", badge, factor=5) == claros.strategies.get(by_name)\n```',
        "```\nclaros run --data digits --strategy 'class_balanced(margin)' --strategy 'random_share(badge, share=0.2)' "
        "--out here\n```",
        "Parameters stand by name, texts need no quotes. A wrapped strategy needs what its parts need together, and "
        "its name is its expression in one canonical form, without parameters that have their defaults. In a YAML file "
        "and in a list after `--set`, write it in quotes: YAML has commas and braces of its own.",
    ]
    for name in compose.WRAPPERS:
        expression = WRAPPED[name]
        made, chosen = strategies.get(expression), batch(expression)
        note = f" {chosen.note}" if chosen.note else ""
        sections += [
            f"## `{compose.usage(name)}`",
            made.summary,
            f"![Ten numbered picks of {expression}](images/wrapper_{name}.svg)",
            f"*`{expression}`.{note} [What the picture shows](README.md).*",
            *_body(made.documentation),
            f"**When.** {made.advice}",
            f"Cost: {made.cost}",
            f"Source: {made.reference}.",
        ]
    return "\n\n".join(sections) + "\n"


def _body(documentation: str) -> Iterator[str]:
    """How it works: the paragraphs that have no place of their own."""
    for paragraph in documentation.split("\n\n")[1:]:
        if not paragraph.startswith(("Cost:", "Departures:", "Use it", "Source:")):
            yield paragraph


def _facts(strategy: Strategy, others: list[str]) -> str:
    facts = {
        "Needs": ", ".join(f"`{name}` ({NEEDS[name].meaning})" for name in strategy.needs) or "nothing",
        "Uses, if given": ", ".join(f"`{name}` ({NEEDS[name].meaning})" for name in strategy.optional),
        "Parameters": ", ".join(_parameters(strategy)) or "none",
        "Draws at random": "yes" if strategy.stochastic else "only to break ties",
        "Cost": strategy.cost,
        "Source": strategy.reference,
        "Departures": strategy.departures[:1].upper() + strategy.departures[1:] or "none",
        "Also called": ", ".join(f"`{name}`" for name in others),
    }
    rows = "\n".join(f"| {head} | {_cell(text)} |" for head, text in facts.items() if text)
    return f"| | |\n|---|---|\n{rows}"


def _parameters(strategy: Strategy) -> Iterator[str]:
    for name, value in strategy.parameters.items():
        choices = strategy.choices.get(name, ())
        rest = [repr(choice) for choice in choices if choice != value]
        yield f"`{name}={value!r}`" + (f" (or `{'`, `'.join(rest)}`)" if rest else "")


def _example(strategy: Strategy) -> str:
    shown = strategy.needs or [name for name in strategy.optional if name in USUAL]
    made = [f"{name} = {_made_up(name)}" for name in shown]
    arguments = [f"{name}={name}" for name in shown]
    if not any(NEEDS[name].axes[:1] == ("N",) for name in shown):
        arguments.append(f"n={SIZES['N']}")
    call = f'claros.select("{strategy.name}", 5, {", ".join(arguments)}, seed=0)'
    random = ["rng = np.random.default_rng(0)", *made, ""] if made else []
    imports = ["import numpy as np", "", "import claros", ""] if made else ["import claros", ""]
    lines = [*imports, *random, f"picked = {call}", "picked.indices  # what to label next, in this order"]
    return "```python\n" + "\n".join(lines) + "\n```"


def _made_up(name: str) -> str:
    """Code that makes up an input of that name."""
    need = NEEDS[name]
    sizes = [SIZES[axis] for axis in need.axes]
    size = str(sizes[0]) if len(sizes) == 1 else f"({', '.join(map(str, sizes))})"
    if need.kind == "probabilities":
        rows = sizes[:-1]
        shape = "" if not rows else f", size={rows[0] if len(rows) == 1 else tuple(rows)}"
        return f"rng.dirichlet(np.ones({sizes[-1]}){shape})"
    made: dict[str, Any] = {
        "codes": f"rng.integers(0, {SIZES['C']}, size={size})",
        "flags": f"rng.integers(0, 2, size={size})",
        "votes": f"rng.integers(-1, {SIZES['C']}, size={size})",
        "tokens": f"rng.dirichlet(np.ones({sizes[-1] if sizes else 1}), size={tuple(sizes[:-1])})",
        "real": f"rng.normal(size={size})",
        "nonnegative": f"rng.random({size})",
        "unit": f"rng.random({size})",
        "positive": f"rng.uniform(1, 5, size={size})",
        "count": "10",
        "amount": "1.5",
        "number": "0.8",
    }
    return str(made[need.kind]) if need.axes or need.kind in {"count", "amount", "number"} else "1.0"


def write() -> None:
    """Write every page and picture, and remove what is of no strategy any more."""
    files = {**pages(), **pictures()}
    (HERE / "images").mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (HERE / name).write_text(content, encoding="utf-8")
    for old in [*HERE.glob("*.md"), *(HERE / "images").glob("*.svg")]:
        if str(old.relative_to(HERE)) not in files:
            old.unlink()


if __name__ == "__main__":
    write()
