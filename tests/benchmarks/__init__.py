"""Tests of the benchmarks: that they run and report numbers, not that the numbers are good."""
