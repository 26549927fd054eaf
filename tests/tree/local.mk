# Tests of tree.
EXTRA_DIST += tests/tree/conformance.sh tests/conformance.tab tests/conformance-notes.tab tests/conformance.md
