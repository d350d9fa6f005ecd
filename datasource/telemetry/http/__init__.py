"""One HTTP session as Prometheus' `http_config` describes it: credentials, TLS, proxy, headers, deadline."""
