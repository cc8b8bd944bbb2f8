"""The likelihood of a row of numbers and classes, with one layer for all columns of a kind."""

from collections.abc import Callable, Sequence

from kvae.layers import Columns, DistributionLayer, IndependentCategorical

__all__ = ["numbers_and_classes"]


def numbers_and_classes(
    classes: Sequence[int], names: Sequence[str], numbers: Callable[[int], DistributionLayer]
) -> Columns:
    """Return the likelihood of a row.

    All numbers share a layer, and so do columns of as many classes: the time to trace a function
    does not grow with the columns of a table.

    Args:
        classes: for each column the number of its classes, 0 for numbers.
        names: of the columns.
        numbers: function of a number of columns, which returns the layer of so many numbers.

    Example:
        >>> from kvae.estimators.table_likelihood import numbers_and_classes
        >>> row = numbers_and_classes([0, 3, 0], list("abc"), kvae.layers.IndependentNormal)
        >>> [layer.event_shape for layer in row.columns]
        [(2,), (1,)]
    """
    places: dict[int, list[int]] = {}
    for place, count in enumerate(classes):
        places.setdefault(count, []).append(place)
    layers = [
        IndependentCategorical(len(found), count, name=f"classes_{count}")
        if count
        else numbers(len(found))
        for count, found in places.items()
    ]
    return Columns(layers, places=list(places.values()), names=names)
