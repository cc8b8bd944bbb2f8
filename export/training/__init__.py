"""Training inside an exported file: which weights, the optimizer, and the four signatures."""
