# Tests of trust.
