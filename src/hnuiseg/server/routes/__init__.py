"""Addresses of the API, a file for each kind; each function makes a router round a `Desk`."""
