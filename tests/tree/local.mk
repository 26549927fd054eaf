# Tests of the source tree.
TREE_TESTS = tests/tree/conformance.sh tests/tree/rules.sh tests/tree/symbols.sh
TESTS += $(TREE_TESTS)
EXTRA_DIST += $(TREE_TESTS) tests/tree/code.awk tests/conformance.tab tests/conformance-notes.tab tests/conformance.md
