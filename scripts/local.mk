# Files of scripts/.
EXTRA_DIST += scripts/codes
