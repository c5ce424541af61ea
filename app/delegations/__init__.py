"""Who may act for whom: a guardian for a child, a carer for an elder, a person for a business. One engine for every slice."""
