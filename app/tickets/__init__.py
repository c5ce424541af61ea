"""Feedback tickets: filed by a resident, routed to a unit, answered with proof, rated (QĐ 1207/QĐ-UBND)."""
