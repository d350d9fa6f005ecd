"""Who caused a symptom: the gap handed down to those whose own behaviour changed."""
