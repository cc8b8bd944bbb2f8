"""A script of assignments as data: it is printed as Python, and evaluated without being parsed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Call", "Line", "Name", "call", "evaluate", "text_of"]

WIDTH = 88


@dataclass(frozen=True)
class Name:
    """A variable, or an attribute of one: `x`, `likelihood.params_shape`."""

    text: str


@dataclass(frozen=True)
class Call:
    """A call of a function by its dotted name."""

    function: str
    args: tuple[Any, ...]
    kwargs: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Line:
    """`target = value`; a call alone where `target` is empty. Commas separate several targets."""

    target: str
    value: Any


def call(function: str, *args: Any, **kwargs: Any) -> Call:
    """Return a call; arguments are names, calls, lists of them, or values of Python."""
    return Call(function, args, tuple(kwargs.items()))


def evaluate(lines: Sequence[Line], variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables after the lines.

    Args:
        lines: evaluated one after the other.
        variables: what the first line finds, modules included.

    Example:
        >>> from kvae.choices.script import Line, Name, call, evaluate
        >>> line = Line("a, b", call("np.divmod", 7, Name("x")))
        >>> evaluate([line], {"np": np, "x": 4})["b"]
        np.int64(3)
    """
    found = dict(variables)
    for line in lines:
        value = _value(line.value, found)
        names = [name.strip() for name in line.target.split(",")] if line.target else []
        for name, each in zip(names, value if len(names) > 1 else [value], strict=False):
            found[name] = each
    return found


def text_of(lines: Sequence[Line]) -> str:
    """Return the lines as Python, at most 88 characters wide where a value allows it.

    Example:
        >>> from kvae.choices.script import Line, Name, call, text_of
        >>> print(text_of([Line("y", call("np.reshape", Name("x"), (2, -1), order="C"))]))
        y = np.reshape(x, (2, -1), order="C")
    """
    return "\n".join(
        _text(line.value, "", f"{line.target} = " if line.target else "") for line in lines
    )


def _value(value: Any, variables: Mapping[str, Any]) -> Any:
    if isinstance(value, Name):
        return _resolve(value.text, variables)
    if isinstance(value, Call):
        args = [_value(each, variables) for each in value.args]
        kwargs = {name: _value(each, variables) for name, each in value.kwargs}
        return _resolve(value.function, variables)(*args, **kwargs)
    if isinstance(value, list):
        return [_value(each, variables) for each in value]
    return value


def _resolve(name: str, variables: Mapping[str, Any]) -> Any:
    first, *rest = name.split(".")
    found = variables[first]
    for part in rest:
        found = getattr(found, part)
    return found


def _text(value: Any, indent: str, start: str) -> str:
    """Return `start` and a value on one line; else the arguments on the next, or on one each."""
    line = f"{indent}{start}{_short(value)}"
    if len(line) + bool(indent) <= WIDTH or not isinstance(value, (Call, list)):
        return line
    deeper = f"{indent}    "
    if isinstance(value, list):
        parts = [_text(each, deeper, "") for each in value]
        opened, closed = "[", "]"
    else:
        parts = [_text(each, deeper, "") for each in value.args]
        parts += [_text(each, deeper, f"{name}=") for name, each in value.kwargs]
        opened, closed = f"{value.function}(", ")"
    shorts = _short(value)[len(opened) : -len(closed)]
    if len(deeper) + len(shorts) <= WIDTH and not any("\n" in part for part in parts):
        return f"{indent}{start}{opened}\n{deeper}{shorts}\n{indent}{closed}"
    inner = "".join(f"{part},\n" for part in parts)
    return f"{indent}{start}{opened}\n{inner}{indent}{closed}"


def _short(value: Any) -> str:
    if isinstance(value, Name):
        return value.text
    if isinstance(value, Call):
        parts = [_short(each) for each in value.args]
        parts += [f"{name}={_short(each)}" for name, each in value.kwargs]
        return f"{value.function}({', '.join(parts)})"
    if isinstance(value, list):
        return f"[{', '.join(map(_short, value))}]"
    if isinstance(value, str):
        text = repr(value)[1:-1]
        return repr(value) if '"' in value else f'"{text}"'
    return repr(value)
