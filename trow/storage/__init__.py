"""Where content and records are kept. Takes plain values, never a configuration."""
