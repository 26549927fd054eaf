# Tests of identity.
