"""The sealed trail."""
