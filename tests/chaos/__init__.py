"""Loss and duplicates: a box and a receiver that are killed at random, with a bad network between them."""
