"""Tests of calibration: words, fits, the guided run."""
