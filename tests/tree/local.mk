# Tests of tree.
TESTS += tests/tree/rules.sh tests/tree/symbols.sh
EXTRA_DIST += tests/tree/code.awk tests/tree/rules.sh tests/tree/symbols.sh
