# Tests of conf.
