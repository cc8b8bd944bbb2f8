"""Graphs of TensorFlow functions that are freed when nothing uses them any more.

TensorFlow 2.21 leaves the graph of a traced function to Python's garbage collector, which cannot
see the references between a graph and its operations, in C++: it is never freed
(tensorflow/tensorflow#124972, open). A process of these tests would hold some millions of dead
objects, and every pass of the collector would visit them.
"""

from tensorflow.python.eager.polymorphic_function import concrete_function

__all__ = ["free_with_their_functions"]


def free_with_their_functions(patch):
    """Let a graph be taken apart when its concrete function is collected.

    Args:
        patch: a `pytest.MonkeyPatch`.
    """
    # `release` is what hands the graph over to the garbage collector.
    owner = concrete_function.ConcreteFunctionGarbageCollector
    patch.setattr(owner, "release", lambda self: None)
