# Flags are asked for one by one, so that an old or a foreign compiler leaves out what it does not know.

AC_DEFUN([EMA_WARNINGS], [
  AX_APPEND_COMPILE_FLAGS([-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith dnl
    -Wwrite-strings -Wcast-qual -Wcast-align -Wformat=2 -Wundef -Wvla -Wimplicit-fallthrough dnl
    -Wnull-dereference -Wduplicated-cond -Wlogical-op -Walloca -Wold-style-definition], [AM_CFLAGS], [-Werror])
  AS_IF([test "x$enable_werror" = xyes], [AX_APPEND_COMPILE_FLAGS([-Werror], [AM_CFLAGS])])
])

AC_DEFUN([EMA_HARDENING], [
  AC_ARG_ENABLE([hardening],
    [AS_HELP_STRING([--disable-hardening], [leave out stack protector, fortify, relro and the like])])
  AS_IF([test "x$enable_hardening" != xno && test "x$enable_sanitizer" = x], [
    AX_APPEND_COMPILE_FLAGS([-fstack-protector-strong -fstack-clash-protection -fcf-protection], [AM_CFLAGS], [-Werror])
    AS_CASE([" $CFLAGS $CPPFLAGS "], [*FORTIFY_SOURCE*|*" -O0 "*], [],
      [AX_APPEND_COMPILE_FLAGS([-D_FORTIFY_SOURCE=2], [AM_CFLAGS], [-Werror -O2])])
    AX_APPEND_LINK_FLAGS([-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack], [AM_LDFLAGS])
  ])
])

AC_DEFUN([EMA_SANITIZER], [
  AC_ARG_ENABLE([sanitizer],
    [AS_HELP_STRING([--enable-sanitizer=LIST], [address, undefined, thread, or address,undefined])])
  AS_CASE(["$enable_sanitizer"], [yes], [enable_sanitizer=address,undefined], [no], [enable_sanitizer=])
  AS_IF([test "x$enable_sanitizer" != x], [
    AX_CHECK_COMPILE_FLAG([-fsanitize=$enable_sanitizer],
      [AM_CFLAGS="$AM_CFLAGS -fsanitize=$enable_sanitizer -fno-sanitize-recover=all -fno-omit-frame-pointer -g"
       AM_LDFLAGS="$AM_LDFLAGS -fsanitize=$enable_sanitizer"],
      [AC_MSG_ERROR([the compiler does not know -fsanitize=$enable_sanitizer])])
  ])
  AM_CONDITIONAL([SANITIZER], [test "x$enable_sanitizer" != x])
  AC_SUBST([SANITIZER], [$enable_sanitizer])
])
