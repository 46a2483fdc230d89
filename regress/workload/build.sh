#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds: make, cmake, autotools
# timeout: 300
. "${TEST_SRC:?run it by regress/run}/regress/workload/_lib.sh"
need_tool gcc make

work build <<'E'
cat >main.c <<'C'
#include <stdio.h>
#include "f.h"
int main(void) { printf("%d\n", f(6)); return 0; }
C
echo 'int f(int);' >f.h
echo '#include "f.h"
int f(int x) { return x * 7; }' >f.c
cat >configure <<'C'
#!/bin/sh
cc=${CC:-gcc}
echo 'int main(void){return 0;}' >conftest.c
$cc conftest.c -o conftest && ./conftest || { echo "no compiler" >&2; exit 1; }
rm -f conftest conftest.c
sed "s|@CC@|$cc|" Makefile.in >Makefile && chmod a-w Makefile
C
chmod 755 configure
cat >Makefile.in <<'C'
prog: main.o libf.a
	@CC@ -o $@ main.o -L. -lf
libf.a: f.o
	rm -f $@ && ar cDr $@ f.o && ranlib -D $@
%.o: %.c f.h
	@CC@ -O1 -c -MMD -o $@ $<
install: prog
	install -d root/bin && install -m 755 prog root/bin/
C
./configure && make -s -j4 && ./prog && make -s install && make -q prog && root/bin/prog
touch f.h && make -n | wc -l
E

have cmake && work cmake <<'E'
printf 'cmake_minimum_required(VERSION 3.10)\nproject(p C)\nadd_library(l STATIC l.c)\nadd_executable(p p.c)\ntarget_link_libraries(p l)\nenable_testing()\nadd_test(t p)\n' >CMakeLists.txt
echo 'int l(void) { return 0; }' >l.c
echo 'int l(void); int main(void) { return l(); }' >p.c
mkdir b && cd b && cmake .. >/dev/null && make -s >/dev/null && ctest 2>/dev/null | grep 'tests passed'
cd .. && rm -rf b
E

# once: it takes long
[ "$MODE$ME" != useralice ] && have autoreconf automake && work autotools <<'E'
cat >configure.ac <<'C'
AC_INIT([p], [1.0])
AM_INIT_AUTOMAKE([foreign subdir-objects])
AC_PROG_CC
AC_CHECK_HEADERS([unistd.h])
AC_CONFIG_HEADERS([config.h])
AC_CONFIG_FILES([Makefile])
AC_OUTPUT
C
cat >Makefile.am <<'C'
bin_PROGRAMS = p
p_SOURCES = src/p.c src/q.c
check_SCRIPTS = t.sh
TESTS = t.sh
EXTRA_DIST = t.sh
C
mkdir src
echo '#include "config.h"
int q(void);
int main(void) { return q() - 3; }' >src/p.c
echo 'int q(void) { return 3; }' >src/q.c
printf '#!/bin/sh\n./p\n' >t.sh && chmod 755 t.sh
autoreconf -i >/dev/null 2>&1
mkdir b && cd b && ../configure -q --prefix="$PWD/root" && make -s -j2 >/dev/null &&
    make -s check 2>/dev/null | grep '^# PASS' && make -s install >/dev/null && root/bin/p && make -s dist >/dev/null && ls p-1.0.tar.gz
cd .. && rm -rf b autom4te.cache
E
done_all
