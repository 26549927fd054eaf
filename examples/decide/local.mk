# A server that decides: built, not installed; the demonstration runs it.
noinst_PROGRAMS += examples/decide/decide
examples_decide_decide_SOURCES = examples/decide/decide.c
examples_decide_decide_CPPFLAGS = -I$(top_srcdir)/include
examples_decide_decide_LDADD = core/libemacore.la
