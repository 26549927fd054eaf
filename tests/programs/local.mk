# Tests of programs.
TESTS += tests/programs/devidp.sh
EXTRA_DIST += tests/programs/devidp.sh
TESTS += tests/programs/emactl.sh
EXTRA_DIST += tests/programs/emactl.sh
TESTS += tests/programs/audit.sh
EXTRA_DIST += tests/programs/audit.sh
TESTS += tests/programs/emad.sh
EXTRA_DIST += tests/programs/emad.sh tests/programs/clients.py
TESTS += tests/programs/policy.sh
EXTRA_DIST += tests/programs/policy.sh
TESTS += tests/programs/server.sh
EXTRA_DIST += tests/programs/server.sh
TESTS += tests/programs/policy_table.sh
EXTRA_DIST += tests/programs/policy_table.sh
TESTS += tests/programs/who_can.sh
EXTRA_DIST += tests/programs/who_can.sh
