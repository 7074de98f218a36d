"""The detection core: a fold over readings."""
