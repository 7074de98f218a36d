"""Tests of the receiver: real bytes, real SQLite, real HTTP on loopback."""
