"""The schema's history: numbered, one head (see HEAD), each migration brief in its locks."""

TABLES = (
    "app.core.audit",
    "app.core.idempotency",
    "app.core.limits",
    "app.core.outbox",
    "app.core.person_keys",
    "app.core.revocations",
    "app.core.sessions",
    "app.core.sign_ins",
    "app.core.signing_keys",
    "app.accounts.models",
    "app.consents.models",
    "app.credentials.models",
    "app.data_requests.models",
    "app.delegations.models",
    "app.departments.models",
    "app.notifications.models",
    "app.signals.models",
    "app.tickets.models",
    "app.trail.models",
)
"""The modules that declare tables."""
