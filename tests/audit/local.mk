# Tests of audit.
