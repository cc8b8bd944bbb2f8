"""What a model can be conditioned on: classes, numbers or vectors.

A condition layer says which raw values are valid, turns them into the vector that networks and
priors read, and holds the learned null token that stands for a missing condition. A new kind is a
subclass of `Condition` in a file of its own.
"""

from kvae.conditions.classes import Classes
from kvae.conditions.condition import Condition
from kvae.conditions.numbers import Numbers
from kvae.conditions.vectors import Vectors

__all__ = ["Classes", "Condition", "Numbers", "Vectors"]
