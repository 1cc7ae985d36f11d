#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tests/bench/order.sh
#
# Writes runtime/startup_order.ld anew: the functions that the frequent commands run, for the linker
# to put side by side. Scattered over the whole program they would be three times as many pages, to
# be mapped at each start, and to be resident. First come those that a start runs, the ones that it
# shares with most commands before the others, then what only other commands run. The same is done
# with what they only read, apart from the words of the native tools and of help. A function
# that has another name by now, or is new, is not found there and loses the advantage, no more; so
# this is to be run now and then, with a release build of GNU ld in build/ (or OCICTR and
# OCICTR_TOOLS), as root. Takes some minutes.
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1
root=$(cd "$here/../.." && pwd) || exit 1
tools=${OCICTR_TOOLS:-$root/build/tests}
OCICTR=${OCICTR:-$root/build/ocictr}
export OCICTR OCICTR_TOOLS="$tools"
[ -x "$tools/steps" ] || { echo "Build first: ninja -C build bench" >&2; exit 1; }
if [ "${1:-}" != --inside ]; then exec "$tools/sandbox" "$0" --inside; fi
. "$here/common.sh"

clean_up() {
  "$OCICTR" delete --force c 2>/dev/null
  remove_cgroups
}
trap clean_up EXIT
make_rootfs || exit 1
make_config /tmp/true '"/bin/true"' true
make_config /tmp/sleep '"/bin/sleep", "1000"' sleep

# The functions, "LAST-ADDRESS SIZE NAME"; of several names for one, the last.
nm -S -n -t d "$OCICTR" | awk 'NF == 4 && $3 ~ /[tTwWiu]/ && $4 !~ /\.localalias$/ { print $1 + 0, $2 + 0, $4 }' >/tmp/functions

# ran COMMAND WORDS...: adds the functions that this command runs to /tmp/ran, "NAME COMMAND".
ran() {
  "$tools/steps" "$OCICTR" "$@" </dev/null >/tmp/steps
  echo "$1: $(wc -l </tmp/steps) instructions"
  grep -x '[0-9]*' /tmp/steps | sort -n | awk '
    NR == FNR { from[++n] = $1; size[n] = $2; name[n] = $3; next }
    { while (at < n && from[at + 1] <= $1) ++at
      if (at > 0 && $1 < from[at] + size[at]) print name[at], command }' command="$1" /tmp/functions - |
    uniq >>/tmp/ran
}
ran run -b /tmp/true true
make_group || exit 1  # the first has made it, and removed it
ran run -b /tmp/true true
ran create -b /tmp/sleep c
ran start c
ran state c
ran exec c /bin/true
ran list
ran kill c KILL
ran delete --force c

# "ARCHIVE:MEMBER NAME" of the C library and its mathematics (which choose their functions for the
# processor at each start). Its functions share the section of their object file. A static name
# counts where it is the only one.
libc=$(c++ -print-file-name=libc.a)
for archive in "$libc" "${libc%c.a}"m-*.a; do
  nm -A --defined-only "$archive" 2>/dev/null
done | awk '$2 ~ /[tTwWi]/ { split($1, part, ":"); sub(/.*\//, "", part[1]); print part[1] ":" part[2], $3 }' |
  sort -u | awk '{ member[$2] = $1; count[$2]++ } END { for (name in member) if (count[name] == 1) print member[name], name }' \
  >/tmp/members

# In their order: "*ARCHIVE:MEMBER" and nothing, or "*" and the function's name.
sort -u /tmp/ran | awk '
  { ++commands[$1]; if ($2 == "run") starts[$1] }
  END { for (name in commands) print name in starts ? 0 : 1, commands[name], name }' |
  sort -k1,1n -k2,2nr -k3,3 | awk '
  NR == FNR { member[$2] = $1; next }
  { line = $3 in member ? "*" member[$3] : "* ." $3 }
  !seen[line]++ { print line }' /tmp/members - >/tmp/order

{
  echo '/* SPDX-License-Identifier: Apache-2.0'
  echo '   Made by tests/bench/order.sh, which says what this is. For GNU ld, beside its own script. */'
  echo 'SECTIONS {'
  echo '  .text.startup_order : {'
  # What bears no name of a function, or is put apart by the compiler: all of it runs first.
  echo '    *crt*.o(.text)'
  echo '    *(.text.startup .text.startup.*)'
  awk 'NF == 1 { print "    " $1 "(.text .text.*)" } NF == 2 { print "    *(.text" $2 ")" }' /tmp/order
  # What the C library chooses on other processors: side by side as well, those of a kind together.
  for kind in 'evex*' 'avx512*' 'avx*'; do
    awk -v kind="$kind" 'NF == 1 && sub(/-(avx|evex).*/, "-") { print "    " $1 kind ".o(.text .text.*)" }' /tmp/order
  done
  echo '  }'
  echo '} INSERT BEFORE .text;'
  echo 'SECTIONS {'
  echo '  .rodata.startup_order : {'
  awk '$1 != "*libc.a:C-ctype.o" { print "    " $1 "(.rodata" $2 " .rodata" $2 ".*)" }' /tmp/order
  # Tables outside of functions, and the words in them, bear no name of a function.
  for room in 'libctr_*' 'liboci_*'; do
    echo "    *$room.a:*(.rodata.str1.* .rodata.cst* .rodata._ZN* .rodata._ZZN* .rodata.CSWTCH*)"
  done
  echo '    *libc.a:strtol_l.o(.rodata)'
  # Large; its beginning is read.
  echo '    *libc.a:C-ctype.o(.rodata .rodata.*)'
  echo '  }'
  echo '} INSERT AFTER .rodata;'
} >"$root/runtime/startup_order.ld"
wc -l "$root/runtime/startup_order.ld"
