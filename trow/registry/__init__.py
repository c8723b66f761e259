"""The registry proper: repositories and what may be done with them. Knows storage by its Protocols alone."""
