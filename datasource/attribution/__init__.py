"""Which label values carry the change of a PromQL query between two times."""
