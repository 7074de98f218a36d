"""Calibration of one lift: fits as pure functions of a recording, and the guided run of an installer."""
