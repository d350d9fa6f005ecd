"""Requests: credentials, TLS, proxies, deadlines, refusals."""
