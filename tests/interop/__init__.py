"""Held against what others wrote: OpenID providers and an authenticator from npm, in a Node of their own."""
