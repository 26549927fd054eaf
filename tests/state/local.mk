# Tests of state.
