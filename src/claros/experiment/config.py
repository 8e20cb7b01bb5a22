"""What a run is: typed settings, checked at once; an unknown key is an error with a suggestion."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from claros.errors import InputError, suggest

__all__ = ["CONTROL", "Arm", "Named", "Plan", "RunConfig", "parse_config"]

#: The arm that every other one is compared with.
CONTROL = "random"

#: Settings that say where and how a run is written, not what it computes; a run may be resumed with others.
OUTPUT_SETTINGS = frozenset({"out", "report"})


def _amount(value: Any) -> Any:
    """A count (whole number, at least 1) or a share of the pool (above 0, below 1); texts come from flags."""
    number = yaml.safe_load(value) if isinstance(value, str) else value
    is_count = isinstance(number, int) and not isinstance(number, bool) and number >= 1
    if not is_count and not (isinstance(number, float) and 0 < number < 1):
        raise ValueError(f"must be a count (1 or more) or a share of the pool (between 0 and 1); got {value!r}")
    return number


def _as_spec(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, (str, Mapping)) else value


Amount = Annotated[int | float, BeforeValidator(_amount)]
Share = Annotated[float, Field(gt=0, lt=1)]


class Settings(BaseModel):
    """Base of all settings: immutable, and a key that is not known is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Named(Settings):
    """Something known by name, with its parameters."""

    name: str
    parameters: dict[str, Any] = {}


class Arm(Named):
    """A strategy to compare; ``label`` is what tables and figures call it, if not by its name."""

    label: Annotated[str | None, Field(pattern=r"^\w[^/\\\x00-\x1f]*$")] = None


NamedSpec = Annotated[Named, BeforeValidator(_as_spec)]
ArmSpec = Annotated[Arm, BeforeValidator(_as_spec)]


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
    text_column: str = Field("text", description="column of a table that holds the text")
    label_column: str = Field("label", description="column of a table that holds the label")
    id_column: str | None = Field(None, description="column of a table that holds the ids; without, row numbers")
    split_column: str | None = Field("split", description="column of a table that says train or test")
    label_pattern: str | None = Field(None, description="regular expression that finds the class in a file's name")
    image_size: int = Field(
        32, ge=1, description="side of the square that images of a folder are brought to, in pixels"
    )
    skip_unreadable: bool = Field(False, description="leave out items that cannot be read instead of failing")
    model: NamedSpec = Field("logistic", validate_default=True, description="the model, by name, with parameters")
    strategy: Annotated[list[ArmSpec], BeforeValidator(_as_list), Field(min_length=1)] = Field(
        "margin", validate_default=True, description="one strategy or several, each an arm of the comparison"
    )
    control: bool = Field(True, description="run random beside the strategies")
    stop: NamedSpec | None = Field(None, description="stopping rule that ends an arm; none: all rounds are run")
    watch: Annotated[list[NamedSpec], BeforeValidator(_as_list)] = Field(
        ["stabilizing_predictions", "overall_uncertainty"],
        validate_default=True,
        description="stopping rules that are recorded and end nothing",
    )
    init: Literal["random", "stratified"] = Field(
        "random", description="how the start is drawn; stratified reads the labels, which only an experiment can"
    )
    start: Amount = Field(20, description="labels before the first model: a count, or a share of the pool")
    batch: Amount = Field(20, description="labels a round: a count, or a share of the pool")
    rounds: int | None = Field(None, ge=0, description="rounds after the start (10 if no budget is given either)")
    budget: Amount | None = Field(None, description="labels in all, instead of rounds: a count, or a share of the pool")
    validation: Share | None = Field(None, description="share of the labels that the trainer keeps to stop early")
    audit: Annotated[float, Field(ge=0, lt=1)] = Field(0.0, description="share of the labels bought for the audit set")
    seed: int = Field(0, ge=0, description="the first seed")
    seeds: int = Field(1, ge=1, description="how many paired seeds: every arm of a seed has the same start")
    price: float | None = Field(None, gt=0, description="price of one label, for the advice")
    checkpoints: Literal["all", "last", "none"] = Field("all", description="models kept per arm and seed")
    out: str | None = Field(None, description="folder of the run")
    report: bool = Field(True, description="write report.html")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.rounds is not None and self.budget is not None:
            raise ValueError("give rounds or budget, not both")
        if len(self._listed) < len(self.strategy):
            raise ValueError("two strategies have the same label, or the same name and parameters")
        if any(arm.label == CONTROL and arm.name != CONTROL for arm in self.strategy):
            raise ValueError(f"the label {CONTROL!r} is for random selection alone")
        return self

    @property
    def arms(self) -> dict[str, Arm]:
        """Strategies by their label, the control among them; parameters join the label where names repeat."""
        control = {CONTROL: Arm(name=CONTROL)} if self.control and CONTROL not in self._listed else {}
        return {**self._listed, **control}

    @property
    def _listed(self) -> dict[str, Arm]:
        names = [arm.name for arm in self.strategy]
        return {arm.label or _label(arm, names.count(arm.name) > 1): arm for arm in self.strategy}

    @property
    def all_seeds(self) -> range:
        """The seeds of the run."""
        return range(self.seed, self.seed + self.seeds)

    def plan(self, n_pool: int) -> Plan:
        """The run's size in labels for a pool of so many items; an `InputError` where it cannot be bought."""

        def count(amount: int | float) -> int:
            return amount if isinstance(amount, int) else max(1, round(amount * n_pool))

        start, batch = count(self.start), count(self.batch)
        if start > n_pool:
            raise InputError(f"start asks for {start} labels, but the pool has {n_pool} items; choose a smaller start.")
        if self.budget is None:
            total = start + batch * (10 if self.rounds is None else self.rounds)
        else:
            total = count(self.budget)
            if total < start:
                raise InputError(f"budget ({total} labels) is smaller than start ({start}); raise it or start smaller.")
        return Plan(start, batch, min(total, n_pool))

    def computed(self) -> dict[str, Any]:
        """What decides the numbers of the run, as JSON: everything but where it is written."""
        settings: dict[str, Any] = self.model_dump(mode="json", exclude=set(OUTPUT_SETTINGS))
        return settings


def _label(arm: Arm, with_parameters: bool) -> str:
    if not with_parameters or not arm.parameters:
        return arm.name
    text = arm.name + "(" + ", ".join(f"{key}={value}" for key, value in arm.parameters.items()) + ")"
    return re.sub(r"[^\w(),.=+ -]", "_", text)  # it names a folder, too


def parse_config(given: Mapping[str, Any]) -> RunConfig:
    """The checked configuration, or one sentence (`InputError`) that says which setting is wrong and why."""
    try:
        return RunConfig.model_validate(dict(given))
    except ValidationError as error:
        raise InputError(_explain(error)) from error


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        inner = Arm if first["loc"][0] == "strategy" else Named
        known = inner.model_fields if len(first["loc"]) > 1 else RunConfig.model_fields
        inside = f" in {'.'.join(str(part) for part in first['loc'][:-1])}" if len(first["loc"]) > 1 else ""
        return suggest(str(first["loc"][-1]), known, "setting" + inside)
    if first["type"] == "missing":
        return (
            f"The setting {where} is missing: {RunConfig.model_fields[where].description}."
            if where in (RunConfig.model_fields)
            else f"The setting {where} is missing."
        )
    message = first["msg"].removeprefix("Value error, ")
    if not where:
        return f"The configuration is not consistent: {message}."
    got = "" if "got" in message else f"; got {first['input']!r}"
    return f"The setting {where}: {message}{got}."
