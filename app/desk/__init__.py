"""The desk: officers who open what is personal of a resident, each time with a reason, and what is on the trail about it."""
