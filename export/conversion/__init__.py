"""From a Keras model to the graph that a file holds: networks, operations, weights."""
