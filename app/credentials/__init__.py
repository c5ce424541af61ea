"""How a resident proves who they are: codes by SMS, the national eID, passkeys; each sign-in ends in the same few lines."""
