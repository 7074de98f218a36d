"""Mutants of the detection core: does a test notice a shifted limit or a flipped comparison?"""
