"""Tests of ride quality: the weightings against the standard's tables, the report against rides worked out by hand."""
