"""Tests of the detection core: stages, rules, episodes and the whole fold."""
