"""Tests of the delivery room: wire format, outbox, delivery, uplink."""
