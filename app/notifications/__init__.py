"""What the city tells its residents: an inbox, and a push for each message."""
