"""Estimates compared with true values."""


def within(estimate, value, sigmas=3.5):
    """Whether `value` lies inside the interval, stretched from 95% to one in two thousand."""
    stretch = sigmas / 1.96
    low = estimate.value - stretch * (estimate.value - estimate.low)
    high = estimate.value + stretch * (estimate.high - estimate.value)
    return low <= value <= high
