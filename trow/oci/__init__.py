"""Pure values and documents of the OCI specifications: no I/O here."""
