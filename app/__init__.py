"""What the city promises: the API and its rules."""
