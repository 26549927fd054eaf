# Files of scripts/.
EXTRA_DIST += scripts/codes scripts/conformance scripts/packages scripts/test scripts/sweep scripts/cppcheck.supp scripts/valgrind.supp
