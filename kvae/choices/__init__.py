"""A model chosen by looking at the data.

`choices_for` looks at data (facts.py) and chooses (choose.py); the result (choices.py) prints its
reasons, the script that makes the model, and builds it. The script is a list of assignments
(script.py) that is both printed and evaluated, so that the two are one.
"""

from kvae.choices.choices import Choice, Choices
from kvae.choices.choose import choices_for, vae_for

__all__ = ["Choice", "Choices", "choices_for", "vae_for"]
