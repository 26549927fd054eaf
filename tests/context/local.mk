# Tests of context.
