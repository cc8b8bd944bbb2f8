"""What was chosen for data, why, and the model of it."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import keras

from kvae import layers, losses, networks, priors, regularizers, transforms
from kvae.choices.script import Line, evaluate, text_of
from kvae.models import VAE

__all__ = ["MODULES", "Choice", "Choices"]

# What a script finds under the names of the modules; kvae itself imports this package.
MODULES = {
    "keras": keras,
    "kvae": SimpleNamespace(
        VAE=VAE,
        layers=layers,
        losses=losses,
        networks=networks,
        priors=priors,
        regularizers=regularizers,
        transforms=transforms,
    ),
}


@dataclass(frozen=True)
class Choice:
    """One choice.

    Args:
        name: what was chosen; most are arguments of `kvae.choices_for`.
        value: what it is, in words.
        why: the reason, a few words.

    Example:
        >>> choices = kvae.choices_for(x_train)
        >>> next(choice.why for choice in choices.choices if choice.name == "networks")
        'pictures of sides below 32'
    """

    name: str
    value: str
    why: str


@dataclass(frozen=True, eq=False)
class Choices:
    """What `kvae.choices_for` chose; printed as a table "choice, value, why".

    Attributes:
        choices: the choices in the order in which they were made.
        x: the array of the data, for `fit`.
        schema: the `kvae.data.TableSchema` where the data were a DataFrame, else None.

    Example:
        >>> choices = kvae.choices_for(x_train, latent_dim=4)
        >>> vae = choices.build()
        >>> vae.latent_dim
        4
        >>> print(choices.code.splitlines()[-1])
        vae.compile(keras.optimizers.Adam(0.001))
    """

    choices: tuple[Choice, ...]
    x: Any = field(repr=False)
    schema: Any = field(repr=False, default=None)
    lines: tuple[Line, ...] = field(repr=False, default=())
    loading: tuple[Line, ...] = field(repr=False, default=())

    @property
    def code(self) -> str:
        """The script that makes the same model by hand.

        It finds the data under the name of their kind: `x`, `frame` or `folder`.
        """
        imports = "import keras\nimport kvae"
        parts = [imports, text_of(self.loading), text_of(self.lines)]
        return "\n\n".join(part for part in parts if part)

    def build(self) -> Any:
        """Return a new `kvae.VAE`: adapted to the data where it has to be, and compiled."""
        known = {**MODULES, "x": self.x, "schema": self.schema}
        return evaluate(self.lines, known)["vae"]

    def __str__(self) -> str:
        rows = [("choice", "value", "why")]
        rows += [(choice.name, choice.value, choice.why) for choice in self.choices]
        widths = [max(len(row[i]) for row in rows) for i in range(2)]
        return "\n".join(
            f"{name:{widths[0]}}  {value:{widths[1]}}  {why}".rstrip() for name, value, why in rows
        )
