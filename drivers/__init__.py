"""Drivers: stamp, scale and report. They never debounce, filter or decide."""
