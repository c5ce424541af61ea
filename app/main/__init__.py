"""The composition root: opens the house, hangs every handler on its door, serves."""
