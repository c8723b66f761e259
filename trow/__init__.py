"""Trow: an image registry appliance for Kubernetes."""

__version__ = "0.11.0"
