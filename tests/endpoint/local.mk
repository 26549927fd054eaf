# Tests of the HTTP endpoints, without a network.
