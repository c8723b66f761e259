"""The OCI Distribution API over HTTP: one module a resource, errors rendered once."""
