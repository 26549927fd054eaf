bin_PROGRAMS += emactl/emactl
emactl_emactl_SOURCES = \
	emactl/audit.c \
	emactl/can.c \
	emactl/check.c \
	emactl/daemon.c \
	emactl/emactl.c \
	emactl/emactl.h \
	emactl/explain.c \
	emactl/keys.c \
	emactl/onboard.c \
	emactl/output.c \
	emactl/plugins.c \
	emactl/revoke.c \
	emactl/test.c \
	emactl/tools.c
emactl_emactl_CPPFLAGS = $(AM_CPPFLAGS) -DEMA_CONFIG_FILE='"$(sysconfdir)/ema/ema.conf"'
emactl_emactl_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS)
emactl_emactl_LDADD = core/libemacore.la $(JSONC_LIBS)

if BASH_COMPLETION
bashcomp_DATA = emactl/emactl.bash
endif
EXTRA_DIST += emactl/emactl.bash
