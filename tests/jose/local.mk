# Tests of jose.
