"""Load a SavedModel where neither Keras nor kvae can be imported, run it and time it.

Run as a script: `python -P fresh_process.py SAVED_MODEL INPUTS.npz OUTPUTS.npz`; keys are those of
`litert.py`.
"""

import sys
import time

__all__ = ["main"]

LATENCY_RUNS = 50
ENGINE = "a process without Keras"


def main(saved_model: str, source: str, target: str) -> None:
    """Run the signatures named in `source` and write their outputs and latencies to `target`."""
    for name in ("keras", "tf_keras", "kvae"):
        sys.modules[name] = None  # type: ignore[assignment]  # any import of them now fails
    import numpy as np
    import tensorflow as tf

    with np.load(source, allow_pickle=False) as arrays:
        inputs: dict = {}
        for key, value in arrays.items():
            signature, name = key.split("/")
            inputs.setdefault(signature, {})[name] = tf.constant(value)
    functions = tf.saved_model.load(saved_model).signatures
    results = {}
    for signature, values in inputs.items():
        run = functions[signature]
        for name, value in run(**values).items():
            results[f"{ENGINE}/{signature}/{name}"] = value.numpy()
        row = {name: value[:1] for name, value in values.items()}
        times = []
        for _ in range(LATENCY_RUNS + 1):
            start = time.perf_counter()
            for value in run(**row).values():
                value.numpy()
            times.append(time.perf_counter() - start)
        results[f"latency/{signature}"] = 1e3 * np.median(times[1:])
    np.savez(target, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
