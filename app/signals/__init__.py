"""What the national eID tells us after a sign-in: logouts, suspensions; and our asking it again."""
