noinst_LIBRARIES += core/context/libcontext.a
core_context_libcontext_a_CPPFLAGS = $(CONTEXT_CPPFLAGS)
core_context_libcontext_a_CFLAGS = $(CORE_CFLAGS)
core_context_libcontext_a_SOURCES = \
	core/context/admin.c core/context/admin.h \
	core/context/again.c core/context/again.h \
	core/context/assume.c core/context/assume.h \
	core/context/challenge.c \
	core/context/check.c core/context/check.h \
	core/context/context.c core/context/context.h \
	core/context/credential.c \
	core/context/daemon.c core/context/daemon.h \
	core/context/decision.c core/context/decision.h \
	core/context/describe.c core/context/describe.h \
	core/context/directories.c \
	core/context/expect.c \
	core/context/identify.c \
	core/context/kept.c \
	core/context/rates.c core/context/rates.h \
	core/context/metrics.h \
	core/context/near.c core/context/near.h \
	core/context/outage.c core/context/outage.h \
	core/context/own.c \
	core/context/pipeline.c core/context/pipeline.h \
	core/context/probe.c \
	core/context/publication.c core/context/publication.h \
	core/context/reasons.c \
	core/context/record.c \
	core/context/redeem.c \
	core/context/rehearse.c \
	core/context/request.c core/context/request.h \
	core/context/resolve.c core/context/resolve.h \
	core/context/revocation.c core/context/revocation.h \
	core/context/scopes.c \
	core/context/sinks.c core/context/sinks.h \
	core/context/snapshot.c core/context/snapshot.h \
	core/context/standing.c core/context/standing.h \
	core/context/status.c core/context/status.h \
	core/context/survey.c core/context/survey.h \
	core/context/target.c \
	core/context/toolset.c core/context/toolset.h
CORE_FOLDERS += core/context/libcontext.a
