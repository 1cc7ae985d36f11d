#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The comparison itself: who can't do what is measured is named, and the others are measured.
# Run through ctest, or:
#   build/tests/sandbox env OCICTR=build/ocictr OCICTR_TOOLS=build/tests sh tests/bench/turns_test.sh NAME
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1

skip() { printf 'SKIP: %s\n' "$*"; exit 77; }
fail() { printf 'FAILED: %s\n' "$*"; exit 1; }
expect() { grep -q "$2" "$1" || fail "no line \"$2\" in: $(cat "$1")"; }

t_who_fails_is_named_and_the_others_go_on() {
  cat >/tmp/contestants <<'END'
first /bin/true
second /bin/sh /tmp/second
third @ /bin/sh /tmp/note ; /bin/true
END
  echo 'echo x >>/tmp/third' >/tmp/note
  # At its third turn, and others have spoken before it.
  echo 'echo x >>/tmp/turns; [ $(wc -l </tmp/turns) -lt 3 ] && exit; echo why not >&2; echo so >&2; exit 3' >/tmp/second
  "$OCICTR_TOOLS/alternate" -w 1 -n 5 </tmp/contestants >/tmp/out 2>/tmp/err || fail "status $?"
  expect /tmp/out '^first [0-9]\+ [0-9]\+$'
  expect /tmp/out '^second failed: status 3: so$'
  expect /tmp/out '^third [0-9]\+ [0-9]\+$'
  expect /tmp/err '^why not$'
  expect /tmp/err '^alternate: status 3: /bin/sh /tmp/second$'
  [ "$(wc -l </tmp/turns)" = 3 ] || fail "it had more turns after it had failed"
  [ "$(wc -l </tmp/third)" = 6 ] || fail "the others had not all of their turns"
}

t_nobody_left_is_a_failure() {
  printf 'one /bin/true ; /bin/false\ntwo x3 /nowhere/#\n' | "$OCICTR_TOOLS/alternate" -n 2 >/tmp/out 2>/tmp/err &&
    fail "status 0"
  expect /tmp/out '^one failed: status 1$'
  expect /tmp/out '^two failed: status 127$'
  expect /tmp/err '^alternate: status 127: /nowhere/0$'
}

t_a_row_has_who_is_left() {
  [ "$(id -u)" = 0 ] || skip "needs root: to make containers"
  command -v busybox >/dev/null || skip "busybox is not installed"
  mkdir /tmp/peers
  # Like crun where a process may have 1024 descriptors.
  cat >/tmp/peers/crun <<'END'
#!/bin/sh
case "$*" in *binds-crun-1000*) echo "openat2: too many" >&2; exit 1 ;; esac
exec "$OCICTR" "$@"
END
  cp /tmp/peers/crun /tmp/peers/runc
  chmod 755 /tmp/peers/*
  PATH=/tmp/peers:$PATH sh "$here/run.sh" --inside -n 1 -p "crun runc" binds >/tmp/out 2>/tmp/err ||
    fail "$(cat /tmp/out /tmp/err)"
  number='[0-9.]\+'
  expect /tmp/out "^| .run. with 100 .* | $number / $number ms | $number / $number | $number / $number | *|\$"
  expect /tmp/out "^| .run. with 1000 .* | $number / $number ms | fails | $number / $number | *|\$"
  expect /tmp/out "^| each further bind mount | -\\?$number us | fails | "
  expect /tmp/out '^crun fails at .run. with 1000 .*: status 1: openat2: too many$'
  [ "$(grep -c ' fails at ' /tmp/out)" = 1 ] || fail "told more than once: $(cat /tmp/out)"
}

if [ "${1:-}" = --list ]; then
  sed -n 's/^t_\([a-z0-9_]*\)() {.*/\1/p' "$0"
  exit 0
fi
"t_$1"
