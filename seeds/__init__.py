"""Reference data of the city (`reference/`, CSV) and a small believable city to try things on."""
