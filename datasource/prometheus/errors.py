"""Every way in which a server can fail us, as one error that says what to change."""


class PrometheusError(Exception):
    """A server did not answer the question; the text says what happened and what to change.

    `kind` is one of

    - unreachable: no connection, or it broke
    - timeout: no whole answer within the timeout
    - tls: the two sides do not trust each other, or do not both speak TLS
    - unauthorised: HTTP 401, 403 or 407, or a secret that cannot be had
    - bad_query: it refused the question
    - unavailable: HTTP 5xx
    - not_json: it answered something else than it should
    - partial: something is missing in the answer, and the settings say `partial: fail`
    - limit: more came than the settings allow
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
