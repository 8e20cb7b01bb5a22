"""What a run is: typed settings, checked at once; an unknown key is an error with a suggestion."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from claros import strategies
from claros.campaign.streams import check_streams
from claros.errors import InputError, suggest
from claros.experiment.fields import (
    Amount,
    Arm,
    ArmSpec,
    CorrectionSpec,
    Named,
    NamedSpec,
    PseudoSpec,
    RuleSpec,
    Settings,
    Share,
    as_list,
    from_text,
    is_count,
)
from claros.experiment.noise import KINDS, Exact, NoiseSpec
from claros.experiment.shifted import ShiftSpec

__all__ = [
    "CONTROL", "COVERAGE", "ROUNDS", "STRATIFIED", "UPPER_BOUND", "Arm", "Named", "Plan", "RunConfig", "parse_config",
]  # fmt: skip

#: The arm that every other one is compared with.
CONTROL = "random"

#: The arm that looks at the test data: the greedy one-step oracle of `claros.experiment.upper_bound`.
UPPER_BOUND = "upper_bound"

#: Rounds after the start, unless said otherwise.
ROUNDS = 10

#: Starts that are no strategies by these names: k-means over fixed features, and the pool's shares of true classes.
COVERAGE, STRATIFIED = "coverage", "stratified"

#: How many candidates the upper bound tries for each label, unless said otherwise.
CANDIDATES = 20

#: With "auto", the upper bound runs where it trains at most so often a seed, a model that trains in a moment.
MOST_TRAININGS, QUICK_MODELS = 2000, frozenset(("logistic",))

SomeNamed = TypeVar("SomeNamed", bound=Named)

#: A label that is longer is cut: it is a folder's name, and a column of tables.
LONGEST_LABEL = 100

#: Settings that say where and how a run is written, not what it computes; a run may be resumed with others.
OUTPUT_SETTINGS = frozenset({"out", "report", "files"})


def _tries(value: Any) -> Any:
    number = from_text(value)
    if number != "auto" and not isinstance(number, bool) and not is_count(number):
        raise ValueError(f"must be auto, true, false, or the number of candidates for each label; got {value!r}")
    return number


def _known_streams(given: dict[str, int] | None) -> dict[str, int] | None:
    try:
        return check_streams(given) or None
    except InputError as error:
        raise ValueError(str(error).removesuffix(".")) from error


def _known_start(init: Named) -> Named:
    known = [*strategies.names(), COVERAGE, STRATIFIED]
    if init.name not in known and not _is_expression(init.name):
        raise ValueError(suggest(init.name, known, "start").removesuffix("."))
    return _canonical(init)


def _is_expression(name: str) -> bool:
    """Whether a strategy's name is one that `claros.compose` reads."""
    return "(" in name


def _canonical(named: SomeNamed) -> SomeNamed:
    """A strategy's expression in its one form, so that it is the same arm however it was written."""
    if not _is_expression(named.name):
        return named
    try:
        found = strategies.get(named.name, **named.parameters)
    except InputError as error:
        raise ValueError(str(error).removesuffix(".")) from error
    if found.resolved:
        return named.model_copy(update={"name": found.name})
    usual = strategies.REGISTRY.load(found.name).parameters
    changed = {name: value for name, value in found.parameters.items() if value != usual[name]}
    return named.model_copy(update={"name": found.name, "parameters": changed})


class Plan(NamedTuple):
    """A run's size in labels, once the pool is known: start, batch, and the total at which an arm ends."""

    start: int
    batch: int
    total: int

    @property
    def rounds(self) -> int:
        """Rounds after the start; the last batch may be short."""
        return math.ceil((self.total - self.start) / self.batch)

    def ask(self, n_labeled: int, until: int) -> int:
        """How many labels to ask for next, with so many already there."""
        return self.start - n_labeled if n_labeled < self.start else min(self.batch, until - n_labeled)


class RunConfig(Settings):
    """Simulated labeling of one labeled data set, arm by arm and seed by seed."""

    data: str = Field(description="name, file or folder of the labeled data")
    test: str | None = Field(None, description="test data; without, a stratified quarter of the data unless it has one")
    test_share: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None,
        description="share of the test data to test on, class by class (all of them); of data without a test part, the "
        "share that becomes one (a quarter)",
    )
    text_column: str = Field("text", description="column of a table that holds the text")
    label_column: str = Field("label", description="column of a table that holds the label")
    id_column: str | None = Field(None, description="column of a table that holds the ids; without, row numbers")
    split_column: str | None = Field("split", description="column of a table that says train or test")
    label_pattern: str | None = Field(None, description="regular expression that finds the class in a file's name")
    image_size: int = Field(
        32, ge=1, description="side of the square that images of a folder are brought to, in pixels"
    )
    skip_unreadable: bool = Field(False, description="leave out items that cannot be read instead of failing")
    near_duplicates: float | None = Field(
        None, gt=0.5, le=1, description="ask one question for items whose features have at least this cosine"
    )
    features: str | None = Field(
        None,
        description="features of the items, by claros embed or your own: models that read rows are trained on them",
    )
    model: NamedSpec = Field("logistic", validate_default=True, description="the model, by name, with parameters")
    strategy: Annotated[
        list[Annotated[ArmSpec, AfterValidator(_canonical)]], BeforeValidator(as_list), Field(min_length=1)
    ] = Field("auto", validate_default=True, description="one strategy or several, each an arm of the comparison")
    control: bool = Field(True, description="run random beside the strategies")
    upper_bound: Annotated[bool | int | Literal["auto"], BeforeValidator(_tries)] = Field(
        False,
        description="run the greedy one-step oracle beside them, with so many candidates (true: 20; auto: if small)",
    )
    stop: RuleSpec | None = Field(None, description="stopping rule that ends an arm; none: all rounds are run")
    watch: Annotated[list[RuleSpec], BeforeValidator(as_list)] = Field(
        ["advisor", "stabilizing_predictions", "overall_uncertainty"],
        validate_default=True,
        description="stopping rules that are recorded and end nothing",
    )
    init: Annotated[NamedSpec, AfterValidator(_known_start)] = Field(
        "random",
        validate_default=True,
        description="what picks the start: random, coverage (k-means over fixed features), any strategy that needs no "
        "labels, or stratified, which reads the true labels as only an experiment can",
    )
    oracle: NoiseSpec = Field(
        {"kind": "exact"},
        validate_default=True,
        description="how the simulated annotator errs: claros.experiment.noise",
    )
    start: Amount = Field(20, description="labels before the first model: a count, or a share of the pool")
    batch: Amount = Field(20, description="labels a round: a count, or a share of the pool")
    rounds: int | None = Field(None, ge=0, description="rounds after the start (10 if no budget is given either)")
    budget: Amount | None = Field(None, description="labels in all, instead of rounds: a count, or a share of the pool")
    validation: Share | None = Field(None, description="share of the labels that the trainer keeps to stop early")
    embeddings: Literal["model", "features"] = Field(
        "model", description="what strategies see as embeddings: the model's, or the pool's fixed features"
    )
    class_prior: Literal["pool"] | dict[str, float] | None = Field(
        None, description="the classes' shares that strategies are told: by name, or the pool's true ones"
    )
    target: str | None = Field(
        None, description="unlabeled items from where the model will be used, to correct for label shift"
    )
    correction: CorrectionSpec = Field(
        "auto", description="how to correct for label shift, where there is a target: claros.campaign.Correction"
    )
    importance: bool = Field(False, description="weigh queried labels by 1 / probability in training; strategy iwal")
    pseudo_labels: PseudoSpec = Field(
        None,
        description="train each round's model once more on what it is sure of, as in CEAL: true, or threshold and "
        "decay: claros.campaign.PseudoLabels",
    )
    shift: ShiftSpec | None = Field(
        None, description="a label shift to simulate: law, warm, pool, target, test, draw, alpha, ..."
    )
    audit: Annotated[float, Field(ge=0, lt=1)] = Field(0.0, description="share of the labels bought for the audit set")
    seed: int = Field(0, ge=0, description="the first seed")
    streams: Annotated[dict[str, Annotated[int, Field(ge=0)]] | None, AfterValidator(_known_streams)] = Field(
        None,
        description="seeds of their own for single purposes, the same for all seeds of the run: "
        "{split: 7, weights: 1}, of split, samples, init, weights, order, strategy, annotator",
    )
    seeds: int = Field(1, ge=1, description="how many paired seeds: every arm of a seed has the same start")
    price: float | None = Field(None, gt=0, description="price of one label, for the advisor")
    worth: float | None = Field(
        None, gt=0, description="what one point of accuracy is worth, in the currency of the price, for the advisor"
    )
    evidence: bool = Field(
        False, description="a bench keeps what stopping rules saw of every round, for claros stop; runs always do"
    )
    checkpoints: Literal["all", "last", "none"] = Field("all", description="models kept per arm and seed")
    out: str | None = Field(None, description="folder of the run")
    report: bool = Field(True, description="write report.html")
    files: Literal["dalmax"] | None = Field(
        None, description="further files for every arm and seed: dalmax, as that program writes them"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.rounds is not None and self.budget is not None:
            raise ValueError("give rounds or budget, not both")
        if self.shift is not None and self.target is not None:
            raise ValueError("a simulated shift draws its own target; leave out target or shift")
        if self.shift is not None and self.start != RunConfig.model_fields["start"].default:
            raise ValueError("the start of a simulated shift is its warm start; say shift.warm in place of start")
        if len(self._listed) < len(self.strategy):
            raise ValueError("two strategies have the same label, or the same name and parameters")
        if any(arm.label == CONTROL and arm.name != CONTROL for arm in self.strategy):
            raise ValueError(f"the label {CONTROL!r} is for random selection alone")
        if any(UPPER_BOUND in (arm.name, arm.label) for arm in self.strategy):
            raise ValueError(f"{UPPER_BOUND} is no strategy; ask for it by {UPPER_BOUND}: true")
        if self.audit and self.upper_bound not in (False, "auto"):
            raise ValueError("the upper bound buys no labels for an audit; leave out audit or upper_bound")
        return self

    @property
    def arms(self) -> dict[str, Arm]:
        """Strategies by their label, then control and upper bound; parameters join the label where names repeat."""
        control = {CONTROL: Arm(name=CONTROL)} if self.control and CONTROL not in self._listed else {}
        tries = self.candidates
        bound = {UPPER_BOUND: Arm(name=UPPER_BOUND, parameters={"candidates": tries})} if tries else {}
        return {**self._listed, **control, **bound}

    @property
    def candidates(self) -> int:
        """How many candidates the upper bound tries for each label; 0 where it is not run.

        "auto" is decided by the settings alone: budgets are counts of labels, candidates times labels after the start
        are at most 2,000, the model is logistic regression, and nothing is bought for an audit.
        """
        if self.upper_bound != "auto":
            return CANDIDATES if self.upper_bound is True else int(self.upper_bound)
        sizes = (self.start, self.batch) if self.budget is None else (self.start, self.budget)
        if self.audit or self.model.name not in QUICK_MODELS or not all(map(is_count, sizes)):
            return 0
        bought = sizes[1] * self._n_rounds if self.budget is None else sizes[1] - sizes[0]
        return CANDIDATES if CANDIDATES * bought <= MOST_TRAININGS else 0

    @property
    def _n_rounds(self) -> int:
        return ROUNDS if self.rounds is None else self.rounds

    @property
    def annotations(self) -> tuple[str, ...]:
        """What `claros.data.load` reads beside the labels for the oracle."""
        return tuple(getattr(self.oracle, "labels", ()))

    @property
    def _listed(self) -> dict[str, Arm]:
        names = [arm.name for arm in self.strategy]
        return {arm.label or _label(arm, names.count(arm.name) > 1): arm for arm in self.strategy}

    @property
    def all_seeds(self) -> range:
        """The seeds of the run."""
        return range(self.seed, self.seed + self.seeds)

    def plan(self, n_pool: int, n_first: int | None = None) -> Plan:
        """The run's size in labels for a pool of so many items; an `InputError` where it cannot be bought.

        ``n_first`` are there at the start, if that is not for the settings to say.
        """

        def count(amount: int | float) -> int:
            return amount if isinstance(amount, int) else max(1, round(amount * n_pool))

        start, batch = count(self.start) if n_first is None else n_first, count(self.batch)
        if start > n_pool:
            raise InputError(f"start asks for {start} labels, but the pool has {n_pool} items; choose a smaller start.")
        if self.budget is None:
            total = start + batch * self._n_rounds
        else:
            total = count(self.budget)
            if total < start:
                raise InputError(f"budget ({total} labels) is smaller than start ({start}); raise it or start smaller.")
        return Plan(start, batch, min(total, n_pool))

    def computed(self) -> dict[str, Any]:
        """What decides the numbers of the run, as JSON: everything but where it is written."""
        settings: dict[str, Any] = self.model_dump(mode="json", exclude=set(OUTPUT_SETTINGS))
        if self.streams is None:
            del settings["streams"]  # as before there were any
        for name in ("target", "correction", "shift"):
            if settings[name] == RunConfig.model_fields[name].default:
                del settings[name]
        for name in ("pseudo_labels", "importance"):
            if not getattr(self, name):
                del settings[name]
        settings["strategy"] = [arm.spec() for arm in self.strategy]
        return settings

    def seed_for(self, purpose: str, seed: int) -> int:
        """The seed of a purpose's stream, in cells of that seed; the split is that of seed 0 unless said otherwise."""
        return (self.streams or {}).get(purpose, 0 if purpose == "split" else seed)


def _label(arm: Arm, with_parameters: bool) -> str:
    text = arm.name
    if with_parameters and arm.parameters:
        text += "(" + ", ".join(f"{key}={value}" for key, value in arm.parameters.items()) + ")"
    text += "" if arm.correction is None else f" + {arm.correction}"
    text += " + pseudo-labels" if arm.pseudo_labels else ""
    text = re.sub(r"['\"{}]", "", text).replace(": ", "=") if _is_expression(arm.name) else text
    text = re.sub(r"[^\w(),.=+ -]", "_", text)  # it names a folder, too
    if len(text) <= LONGEST_LABEL:
        return text
    return f"{text[: LONGEST_LABEL - 12]}... {hashlib.sha256(text.encode()).hexdigest()[:8]}"


def parse_config(given: Mapping[str, Any]) -> RunConfig:
    """The checked configuration, or one sentence (`InputError`) that says which setting is wrong and why."""
    try:
        return RunConfig.model_validate(dict(given))
    except ValidationError as error:
        raise InputError(_explain(error)) from error


def _explain(error: ValidationError) -> str:
    found = error.errors(include_url=False)
    first = min(found, key=lambda one: one["type"] != "extra_forbidden")  # a misspelt key before what it leaves missing
    parts = [str(part) for part in first["loc"]]
    owner = _owner(parts)
    if parts[:1] == ["oracle"] and len(parts) > 1:
        del parts[1]  # the kind, by which pydantic tells the records apart
    where = ".".join(parts)
    if first["type"] == "extra_forbidden":
        inside = f" in {'.'.join(parts[:-1])}" if len(parts) > 1 else ""
        return suggest(parts[-1], owner.model_fields, "setting" + inside)
    if first["type"] == "missing":
        field = owner.model_fields.get(parts[-1])
        what = f": {field.description}" if field is not None and field.description else ""
        return f"The setting {where} is missing{what}."
    message = first["msg"].removeprefix("Value error, ")
    if not where:
        return f"The configuration is not consistent: {message}."
    got = "" if "got" in message else f"; got {first['input']!r}"
    return f"The setting {where}: {message}{got}."


def _owner(parts: list[str]) -> type[Settings]:
    """The record of settings that the last part of a path is looked for in."""
    if len(parts) < 2:
        return RunConfig
    if parts[0] == "oracle":
        return KINDS.get(parts[1], Exact)
    owners: dict[str, type[Settings]] = {"strategy": Arm, "shift": ShiftSpec}
    return owners.get(parts[0], Named)
