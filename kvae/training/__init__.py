"""What stands between a model and a training run.

`run.py` is one run of `fit` or `evaluate`; it puts together the data (`inputs/`), the callbacks and
the batch to resume from (`resume.py`), how batches are executed (`execution.py`, `compiled.py`) and
several replicas (`distribution.py`). `step.py` is one step on one batch; `non_finite.py` keeps the
last finite state; `trackers.py` holds the running means of the logs. `keras_compat.py` is the only
place for workarounds of Keras. None of these is a base class of a model, and none has a formula of
the loss: a step asks the model for its terms. The path of a batch is drawn in docs/architecture.md.
"""
