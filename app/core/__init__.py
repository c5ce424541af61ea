"""The ground: knows no slice and no business word."""
