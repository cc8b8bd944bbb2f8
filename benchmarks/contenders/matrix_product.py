"""The rate of large square float32 matrix products, with the faster of two methods."""

import time

from worker import serve

SIZE = 2048
FLOPS = 2 * SIZE**3


def make(net, x, batch_size, variant):
    import tensorflow as tf

    a, b = tf.random.normal((SIZE, SIZE)), tf.random.normal((SIZE, SIZE))
    plain, compiled = (tf.function(tf.matmul, jit_compile=jit) for jit in (False, True))

    def epoch():
        """Run ten products with the faster method."""
        seconds = []
        for function in (plain, compiled):
            started = time.perf_counter()
            for _ in range(5):
                function(a, b)
            function(a, b).numpy()
            seconds.append((time.perf_counter() - started) / 6)
        make.best = min(seconds)

    return epoch


if __name__ == "__main__":
    serve(make)
