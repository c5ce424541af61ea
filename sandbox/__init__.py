"""Stand-ins for the outside world that speak the real protocols: national eID, staff sign-in, registries, SMS, push."""
