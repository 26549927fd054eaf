#!/bin/bash
# tests/conformance.md says what the tests show.
. "${srcdir:-.}/tests/lib.sh"
of_sources
ok "each number that a test or a note names is known" "$srcdir/scripts/conformance" "$work/conformance.md"
ok "tests/conformance.md is fresh (scripts/conformance makes it)" diff "$srcdir/tests/conformance.md" "$work/conformance.md"
plan
