"""Tests that need Apache Beam; .ci/install-beam makes the environment that has it."""
