"""What a model and its users agree on: which inputs it takes and which values are valid.

`Domain` describes the values that a likelihood accepts, `InputSpec` one named input of a model.
`plain_array` turns what users pass (lists, tensors, data frames) into NumPy arrays; `mapped` reads
arrays in chunks. Training, export and analysis all validate data through these; nothing here knows
a model, a layer or Keras' `fit`.
"""

from kvae.contract.domain import Domain
from kvae.contract.input_spec import InputSpec

__all__ = ["Domain", "InputSpec"]
