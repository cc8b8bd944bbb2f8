"""The entrance for data: everything a user passes to a model is validated here.

`Inputs` holds the specifications of a model's named inputs and checks arrays and batches by them.
`TrainingData` is what `fit` trains on: arrays become a dataset of batches in a deterministic
`Order` (`arrays.py`), streams (tf.data, PyDataset, generators, iterables) are checked batch by
batch (`streams.py`). After the entrance every batch has one form: (x,), (x, y) or
(x, y, sample_weight), where x is a dict if the model has more than one input.
"""

from kvae.training.inputs.inputs import Inputs
from kvae.training.inputs.order import Order
from kvae.training.inputs.training_data import TrainingData

__all__ = ["Inputs", "Order", "TrainingData"]
