"""One step on one batch: from the inputs to the terms, the gradients and the logs."""

from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from kvae.contract import Batch, Term
from kvae.contract.input_spec import target_of
from kvae.contract.term import total
from kvae.layers.observed import not_missing
from kvae.training.distribution import shared, summed_and_clipped
from kvae.training.inputs.parts import Part

__all__ = ["log_names", "predict_step", "test_step", "train_step"]


def train_step(model: Any, data: Any) -> dict[str, Any]:
    """Take one step of every optimizer on one batch and return the logs.

    Each group of terms is minimized by the optimizer and over the variables that the model names
    for it in `update_groups`.

    Args:
        model: a compiled `LatentModel`.
        data: x, (x, y) or (x, y, sample_weight), see `Inputs.unpack`; or a `Part` with these.
    """
    metrics = [variable for metric in model.metrics for variable in metric.variables]
    before = model.guard.read([*model.non_trainable_variables, *metrics])
    inputs, examples, batch = _batch(model, data, training=True)
    seed = model.training_seed()
    groups = model.update_groups()
    with tf.GradientTape(persistent=len(groups) > 1) as tape:
        terms = model.loss_terms(inputs, seed, batch)
        losses = {name: total(_of(name, terms), batch) for name in groups}
        # Under tf.distribute each replica adds its share of the global batch's mean.
        scaled = {
            name: optimizer.scale_loss(losses[name] * batch.share)
            for name, (optimizer, _) in groups.items()
        }
    updates = []
    for name, (optimizer, variables) in groups.items():
        if variables:  # none where the whole model is frozen
            gradients = tape.gradient(scaled[name], variables)
            updates.append((optimizer, summed_and_clipped(optimizer, gradients), variables))
    model.advance_step()
    logs = _report(model, terms, losses, examples, batch)
    means = {term.name: batch.reduce(term.values) for term in terms if not term.is_off}
    logged = {**means, **_loss_logs(losses)}
    model.guard.apply(updates, logged, before, with_xla=bool(model.jit_compile))
    return logs


def test_step(model: Any, data: Any) -> dict[str, Any]:
    """Score one batch and return the logs; arguments as for `train_step`."""
    inputs, examples, batch = _batch(model, data, training=False)
    terms = model.loss_terms(inputs, model.evaluation_seed(), batch)
    losses = {name: total(_of(name, terms), batch) for name in model.update_groups()}
    return _report(model, terms, losses, examples, batch)


def predict_step(model: Any, data: Any) -> Any:
    """Reconstruct one batch, shape (batch, *event_shape); arguments as for `train_step`."""
    inputs, _ = model.named_inputs().unpack(data)
    examples = tf.shape(inputs["x"])[0]
    _, *parts = shared(*inputs.values())
    return model.reconstruction(dict(zip(inputs, parts, strict=True))).center()[:examples]


def log_names(terms: Iterable[str], groups: Iterable[str] = ()) -> list[str]:
    """Return the names of the logs for terms of these names, in order.

    Args:
        terms: names of the terms.
        groups: names of the model's update groups.

    Example:
        >>> from kvae.training.step import log_names
        >>> log_names(["nll", "kl", "total_correlation"])
        ['loss', 'nll', 'kl', 'elbo', 'kl_weight', 'total_correlation', 'total_correlation_weight']
    """
    terms = list(terms)
    names = ["loss"]
    for name in terms:
        names.append(name)
        if name == "kl" and "nll" in terms:
            names.append("elbo")
        if name != "nll":
            names.append(f"{name}_weight")
    return [*names, *(_loss_name(group) for group in groups if group != "model")]


def _batch(model: Any, data: Any, training: bool) -> tuple[dict[str, Any], Any, Batch]:
    """Return the rows of the loss, the number of examples on this replica, and what is known."""
    named = model.named_inputs()
    if isinstance(data, Part):
        inputs, weight = named.unpack(data.batch)
        examples, share = data.examples, data.share
    else:
        inputs, weight = named.unpack(data)
        examples = tf.shape(inputs["x"])[0]
        share, weight, *parts = shared(weight, *inputs.values())
        inputs = dict(zip(inputs, parts, strict=True))
    inputs, weight = model.loss_inputs(inputs, weight)
    batch = Batch(inputs, weight, share, model.step(), training)
    return inputs, examples, batch


def _loss_logs(losses: dict[str, Any]) -> dict[str, Any]:
    """Return the loss of each group under its name in the logs; that of "model" is `loss`."""
    return {_loss_name(group): loss for group, loss in losses.items()}


def _loss_name(group: str) -> str:
    return "loss" if group == "model" else f"{group}_loss"


def _of(group: str, terms: Iterable[Term]) -> list[Term]:
    return [term for term in terms if term.group == group]


def _report(
    model: Any, terms: list[Term], losses: dict[str, Any], examples: Any, batch: Batch
) -> dict[str, Any]:
    """Update the running means and the metrics given to `compile`, and return the logs."""
    means = {term.name: batch.reduce(term.values) for term in terms}
    logs = {**_loss_logs(losses), **means}
    logs.update({f"{term.name}_weight": term.weight for term in terms if term.name != "nll"})
    if "nll" in means and "kl" in means:
        logs["elbo"] = -(means["nll"] + means["kl"])
    model.trackers.update(logs, examples, batch.training)
    predicted = None
    if model.has_own_metrics:
        likelihood = batch.notes.get("likelihood")
        if likelihood is None:
            likelihood = model.reconstruction(batch.inputs)
        predicted = likelihood.center()[:examples]
    x, weight = batch.inputs["x"][:examples], batch.weight
    target = batch.inputs.get("target", x)[:examples]
    observed = batch.inputs.get("observed")
    masked = observed is not None or target_of(model.named_inputs().specs).domain.missing
    if predicted is not None and masked:
        # Keras' metrics know no mask: what is not observed counts as predicted without an error.
        known = not_missing(target, None if observed is None else observed[:examples])
        target = tf.where(known, target, tf.cast(predicted, target.dtype))
    return model.compute_metrics(
        x, target, predicted, None if weight is None else weight[:examples]
    )
