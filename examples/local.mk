# Files of examples/: built out of tree, as an integrator would.
EXTRA_DIST += \
	examples/guard/Makefile examples/guard/hours.c \
	examples/plugin-c/Makefile examples/plugin-c/acme.c \
	examples/plugin-cxx/Makefile examples/plugin-cxx/acmexx.cc

include examples/decide/local.mk
include examples/server/local.mk
