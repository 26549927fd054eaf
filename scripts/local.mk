# Files of scripts/.
EXTRA_DIST += scripts/codes scripts/build scripts/demo scripts/conformance scripts/fuzz scripts/packages scripts/test scripts/sweep scripts/cppcheck.supp scripts/valgrind.supp
