"""What code written for `tfp.layers` expects of a layer's class, apart from the maths.

Everything that exists only for compatibility with `tfp.layers` is in this module, and nothing here
or elsewhere in kvae imports `tfp.layers` or `tf_keras`:

- `Layer.params_size(event_shape)`, a call on the class, beside the attribute of an instance;
- `Layer.new(params, ...)`, a distribution without a layer;
- `convert_to_tensor_fn=tfd.Distribution.mean`, a method in place of its name.
"""

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["MixtureParamsSize", "ParamsSize", "conversion_name", "new"]


class ParamsSize:
    """`Layer.params_size(*arguments)` on the class, as in TFP; an int on an instance."""

    def __get__(self, layer: Any, owner: type) -> Any:
        if layer is None:
            return self.of_class(owner)
        return math.prod(layer.params_shape)

    def of_class(self, owner: type) -> Callable[..., int]:
        """Return the function that stands on the class."""
        return lambda *args, **kwargs: owner(*args, **kwargs).params_size


class MixtureParamsSize(ParamsSize):
    """`MixtureSameFamily.params_size(num_components, component_params_size)`, as in TFP."""

    def of_class(self, owner: type) -> Callable[..., int]:
        """Return the function that stands on the class."""
        return lambda num_components, component_params_size: int(
            num_components * (1 + component_params_size)
        )


def new(cls: Any, params: Any, *args: Any, **kwargs: Any) -> Any:
    """Return the distribution of `params` under a layer of class `cls` that is not kept.

    The other arguments are the layer's without `convert_to_tensor_fn`, as in TFP, which calls
    `sample_dtype` `dtype` here.

    Raises:
        TypeError: If there are more positional arguments than the layer has.
    """
    names = [
        name
        # Of the class Python before 3.11.4 gives that of Keras' __new__ (python/cpython#105080).
        for name, parameter in inspect.signature(cls.__init__).parameters.items()
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        and name not in ("self", "convert_to_tensor_fn")
    ]
    if len(args) > len(names):
        raise TypeError(f"Expected at most params, {', '.join(names)}. Received: {args!r}")
    if "sample_dtype" in names and "dtype" in kwargs:
        kwargs["sample_dtype"] = kwargs.pop("dtype")
    positional = dict(zip(names, args, strict=False))
    return cls(**positional, **kwargs).distribution(params)


def conversion_name(convert: Any, allowed: Sequence[str]) -> str:
    """Return the argument `convert_to_tensor_fn`, a name or the `tfd` method of it, as a name.

    Raises:
        ValueError: If it is not one of `allowed`.
    """
    function = convert.fget if isinstance(convert, property) else convert
    name: Any = function if isinstance(function, str) else getattr(function, "__name__", None)
    if name not in allowed:
        raise ValueError(
            f"Expected convert_to_tensor_fn to be one of {', '.join(allowed)} (a name or the tfd "
            "method of that name; a lambda cannot be saved safely). "
            f"Received: convert_to_tensor_fn={convert!r}"
        )
    return name
