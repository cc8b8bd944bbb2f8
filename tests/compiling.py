"""How the tests compile: quickly, without the optimizers of XLA and of graphs.

XLA compiles in half of the time without LLVM's optimizer, and a graph runs for the first time a
sixth sooner without Grappler; results differ by rounding alone. `XLA_FLAGS= make test` compiles as
users do, and so does the workflow's job with the lowest versions.
"""

import os
import sys

__all__ = ["quickly"]

QUICK = "--xla_backend_optimization_level=0"


def quickly():
    """Call it before anything is compiled; processes that tests start inherit XLA's flags."""
    if os.environ.setdefault("XLA_FLAGS", QUICK) == QUICK and "tensorflow" in sys.modules:
        options = {"disable_meta_optimizer": True}
        sys.modules["tensorflow"].config.optimizer.set_experimental_options(options)
