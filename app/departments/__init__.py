"""Who serves the city: areas, units, officers and their roles, working time."""
