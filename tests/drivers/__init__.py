"""Tests of the drivers: real driver code on fakes below the kernel seams that speak bytes."""
