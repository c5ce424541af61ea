"""The trail sealed: a signed root a day, proofs for residents, and who has looked at their data."""
