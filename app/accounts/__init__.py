"""Who the residents are: sign-in, sessions, devices, profile."""
