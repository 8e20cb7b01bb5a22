"""The parts that settings are made of: strict records, things known by name, and values that flags give as texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from claros import stopping
from claros.campaign.correction import Correction
from claros.campaign.pseudo import PseudoLabels
from claros.errors import InputError
from claros.yaml_text import read_yaml

__all__ = [
    "Amount",
    "Arm",
    "ArmSpec",
    "CorrectionSpec",
    "Named",
    "NamedSpec",
    "PseudoSpec",
    "RuleSpec",
    "Settings",
    "Share",
    "as_list",
    "from_text",
    "is_count",
]


class Settings(BaseModel):
    """Base of all settings: immutable, and a key that is not known is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Named(Settings):
    """Something known by name, with its parameters."""

    name: str
    parameters: dict[str, Any] = {}


def _known_correction(text: str | None) -> str | None:
    try:
        if text is not None:
            Correction.of(text)
    except InputError as error:
        raise ValueError(str(error).removesuffix(".")) from error
    return text


def _known_pseudo(value: Any) -> Any:
    """The settings of pseudo-labels in full; False where there shall be none, None where nothing is said."""
    try:
        found = PseudoLabels.of(from_text(value))
    except InputError as error:
        raise ValueError(str(error).removesuffix(".")) from error
    if found is not None:
        return found.spec()
    return None if value is None else False


#: Whether and how to train on what the model is sure of: `claros.campaign.PseudoLabels`, true for its defaults.
PseudoSpec = Annotated[dict[str, float] | Literal[False] | None, BeforeValidator(_known_pseudo)]


class Arm(Named):
    """A strategy to compare; ``label`` is what tables and figures call it, if not by its name."""

    label: Annotated[str | None, Field(pattern=r"^\w[^/\\\x00-\x1f]*$")] = None
    correction: Annotated[str | None, AfterValidator(_known_correction)] = None
    """How this arm corrects for label shift, if not as the run."""
    pseudo_labels: PseudoSpec = None
    """Whether and how this arm trains on what its model is sure of, if not as the run."""

    def spec(self) -> dict[str, Any]:
        """The arm as JSON; what it leaves to the run is not in it, so that a new setting changes no key of before."""
        unsaid = {name for name in ("correction", "pseudo_labels") if getattr(self, name) is None}
        return self.model_dump(mode="json", exclude=unsaid)


def from_text(value: Any) -> Any:
    """The value that a text says, read as YAML; anything else as it is."""
    try:
        return read_yaml(value) if isinstance(value, str) else value
    except yaml.YAMLError:
        return value


def is_count(value: Any, least: int = 1) -> bool:
    """Whether the value is a whole number of at least so much."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def as_list(value: Any) -> Any:
    """A list of one where one thing is given."""
    return [value] if isinstance(value, (str, Mapping)) else value


def _amount(value: Any) -> Any:
    number = from_text(value)
    if not is_count(number) and not (isinstance(number, float) and 0 < number < 1):
        raise ValueError(f"must be a count (1 or more) or a share of the pool (between 0 and 1); got {value!r}")
    return number


def _as_spec(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _as_rule(value: Any) -> Any:
    """A rule's name, or what a text describes, as its specification."""
    if not isinstance(value, str) or value.strip().isidentifier():
        return _as_spec(value)
    try:
        return stopping.get(value).spec()
    except InputError as error:
        raise ValueError(str(error).removesuffix(".")) from error


#: How to correct for label shift, by name: `claros.campaign.Correction`.
CorrectionSpec = Annotated[str, AfterValidator(_known_correction)]
#: A count (whole number, at least 1), or a share of the pool (above 0, below 1).
Amount = Annotated[int | float, BeforeValidator(_amount)]
#: A share above 0 and below 1.
Share = Annotated[float, Field(gt=0, lt=1)]
#: Something known by name, of which a bare name may be given.
NamedSpec = Annotated[Named, BeforeValidator(_as_spec)]
#: A stopping rule, of which a name or an expression may be given.
RuleSpec = Annotated[Named, BeforeValidator(_as_rule)]
#: A strategy to compare, of which a bare name may be given.
ArmSpec = Annotated[Arm, BeforeValidator(_as_spec)]
