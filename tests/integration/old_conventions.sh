#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What scripts for the old tool do, as they do it. Argument: ctrtool. Runs as root in a sandbox.
# shellcheck disable=SC2016  # words for the shells of others
set -eu

mkdir bin
cp "$1" bin/ctrtool-static
for name in ctrtool container-launcher container-rootfs-mount init init2 mini-init simple-renameat2 \
  mount_seq reset_cgroup set_fds; do
  ln -s ctrtool-static "bin/$name"
done
PATH=$PWD/bin:$PATH
export PATH

fail() {
  echo "$1" >&2
  exit 1
}
# status EXPECTED COMMAND...
status() {
  expected=$1
  shift
  code=0
  "$@" >/dev/null 2>err || code=$?
  [ "$code" = "$expected" ] || fail "$*: exit $code, not $expected: $(cat err)"
}
# same EXPECTED ACTUAL
same() {
  [ "$1" = "$2" ] || fail "wanted '$1', got '$2'"
}
await() {
  for _ in $(seq 1000); do
    eval "$1" && return 0
    sleep 0.02
  done
  fail "never: $1"
}

# Names: by link, by first word, by a path whose last part it is.
same 255 "$(ctrtool >/dev/null 2>&1 || echo $?)"
status 255 ctrtool nosuch
status 1 init
status 1 ctrtool /x/y/init
same 1 "$(CTRTOOL_OVERRIDE_ARGV0_LOOKUP=1 set_fds init 2>/dev/null || echo $?)"

# A tree, in one sequence. Letters have their words attached or not.
mkdir tree home
mount_seq -m tree -E -t tmpfs -Osd -omode=0711 -c tree -D data -M 0755 -llatest -sdata -S 'test -d latest' \
  -D data -Oe -M 0700
same 'tmpfs 711' "$(stat -fc %T tree) $(stat -c %a tree)"
same 755 "$(stat -c %a tree/data)"
mount_seq -m tree/ro -E -s /etc -Obvosd -r -m tree/f -f -s /etc/passwd -Ob
status 1 touch tree/ro/x
status 3 mount_seq -D tree/latest/x
status 3 mount_seq -D missing/x -e -D never
status 2 mount_seq -D tree/data -e -y -D tree/other
status 1 mount_seq -D never -q
[ ! -e never ]
same socket "$(mount_seq -u tree/f && stat -c %F tree/f)"
mount_seq -u tree/ro -u tree -Ol

# Descriptors become 3, 4...; variables name them.
exec 8</etc/group 9</etc/passwd
same '/etc/passwd /etc/group' "$(set_fds -f 9,8 sh -c 'echo $(readlink /proc/self/fd/3) $(readlink /proc/self/fd/4)')"
same '2 gone 9' "$(A=9 B=8 set_fds -s -e /A,:B sh -c 'echo $LISTEN_FDS ${B-gone} $A')"
status 127 set_fds -f 99 true
status 1 env B=8 set_fds -e :B,:B true
status 127 set_fds -f 1 /nope
exec 8<&- 9<&-

# Control groups; any directory will do.
mkdir -p t/cpu/g t/memory/g
: >t/cpu/g/cgroup.procs
: >t/memory/g/cgroup.procs
same ok "$(reset_cgroup -b t -c cpu,memory -p g echo ok)"
same 00 "$(cat t/cpu/g/cgroup.procs t/memory/g/cgroup.procs)"
status 1 reset_cgroup -b t -c cpu,memory -p g -a missing echo never
status 127 reset_cgroup -c '' /nope

# The launcher: exit codes, hook words, files.
status 7 container-launcher -w -- sh -c 'exit 7'
status 137 container-launcher -w sh -c 'kill -9 $$'
status 127 container-launcher -w /no/such
status 0 container-launcher sh -c 'exit 7'
status 5 container-launcher -w -dx 'exit 5' -- touch never
status 127 container-launcher -w -d -x 'kill -9 $$' -- touch never
[ ! -e never ]
same '- 3 -1' "$(container-launcher -w -d -x 'echo $0 $# $3' true)"
cat >hook <<'HOOK'
#!/bin/sh
[ $# = 3 ] && [ -d "/proc/self/fd/$2/ns" ] && [ "$(cat pid)" = "$1" ] || exit 9
echo "to the container" >&"$3"
HOOK
chmod +x hook
same 'to the container' \
  "$(container-launcher -wX1 -P pid -x ./hook -- sh -c 'head -n1 <&$CONTAINER_LAUNCHER_UNIX_FD')"
# shellcheck disable=SC2094  # two programs lock one file, as they should
container-launcher -Klock -F -d -x '[ $# = 5 ] || exit 9; echo >&$5' -- sh -c 'echo ran >out'
await 'test -s out'
same ran "$(cat out)"
same gone "$(A=1 container-launcher -w -V -- /bin/sh -c 'echo ${A-gone}')"
same : "$(container-launcher -w --notify-fd 3 true 3>&1 | cat)"
same 40 "$(container-launcher -w --rlimit nofile=40: sh -c 'ulimit -Sn')"
same '5 6 7' "$(container-launcher -wS5 -G6 --groups=7 sh -c 'echo $(id -u) $(id -G)')"
same 400 "$(container-launcher -w -S1000 -I0x400 -ainherit -b0x400 -- sed -n 's/CapAmb:.0*//p' /proc/self/status)"
same ok "$(container-launcher -w --exec-anon-fd -d -x 'cat /bin/busybox >&$CTRTOOL_CONTAINER_LAUNCHER_EXEC_FD' \
  -- busybox echo ok)"
same ok "$(container-launcher -w --exec-file-host /bin/busybox -- busybox echo ok)"
status 1 container-launcher -w -U -N -g true
status 1 container-launcher -H x true
container-launcher -wLlog -- sh -c 'echo out; echo err >&2'
same 2 "$(wc -l <log)"
same hello "$(container-launcher --alloc-pipe sh -c 'echo hello' </dev/null)"

# A container whose root is a tmpfs, made by the script in its namespaces.
mkdir root
same "1 / refused made device" "$(container-launcher --escape -w -UmnpCiu -t -r "$PWD/root" --uid-map=0.0.65536 \
  --gid-map=0.0.65536 -d -x 'N=/proc/self/fd/$2/ns; nsenter --user=$N/user --net=$N/net --ipc=$N/ipc \
  --mount=$N/mnt sh -ec "container-rootfs-mount -o root_link_opts=usr_ro -o mount_sysfs=1 $PWD/root
    mount_seq -c $PWD/root -m _fsroot_ro -E -s / -Obvosd -r -m _fsroot_rw -E -s $PWD/home -Obv"' \
  -- /bin/sh -c 'echo $$; pwd; touch /_fsroot_ro/x 2>/dev/null || echo refused; touch /_fsroot_rw/y && echo made
    echo >/dev/null && echo device' | tr '\n' ' ' | sed 's/ $//')"
[ -e home/y ]
mkdir r
status 1 container-rootfs-mount -o run_dirs=maybe r
container-rootfs-mount -t -o systemd=on -o umask=077 -o dev_opts=none -o mount_devpts=off -o mount_mqueue=0 r
same '/dev/shm 700' "$(readlink r/run/shm) $(stat -c %a r/dev)"
umount -R r

# Joining what runs: by directory with its two slashes, by descriptor, by variable.
container-launcher -p -u -H inside -P joined -- sleep 60
P=$(cat joined)
same inside "$(container-launcher --escape -fi "--old-nsenter=u//proc/$P" hostname)"
same inside "$(container-launcher --escape -w "--nsenter2=up//proc/$P" --fork hostname)"
same inside "$(exec 8<"/proc/$P/ns/uts"; V=8 container-launcher --escape -w --nsenter-post=u-V hostname)"
status 1 container-launcher --escape -fi "--old-nsenter=u/proc/$P" hostname
kill -9 "$P"

# Pid 1.
same '2 1' "$(container-launcher -w -mpt -- "$PWD/bin/init" -s 15 -a 4 -n /bin/sh -c -c -c 'echo $$ $PPID; kill -TERM 1' \
  2>/dev/null)"
same 'hello a b' "$(container-launcher -w -mpt -- "$PWD/bin/init2" -s 15 -a 4 -n /bin/echo hello 'a b' \
  -n /bin/sh -c -c -c 'until test -s '"$PWD"'/said; do sleep 0.02; done; kill -TERM 1' 2>/dev/null | tee said)"
status 129 container-launcher -w -mpt -- "$PWD/bin/mini-init" -s 15 -a 1 -n /bin/sh -c -c -c 'kill -TERM 1'
status 130 container-launcher -w -mpt -- "$PWD/bin/init" -s 15 -a 3 -n /bin/sh -c -c -c 'kill -TERM 1'
exec 8</etc/group
same '/etc/group 1' "$(container-launcher -w -mpt -- "$PWD/bin/init" -S -s 15 -a 4 -n /bin/sh -f 8 -p -c -c \
  -c 'echo $(readlink /proc/self/fd/3) $LISTEN_FDS; kill -TERM 1' 2>/dev/null)"
exec 8<&-

# The rest.
echo 1 >a
echo 2 >b
simple-renameat2 -x a b
same '2 1' "$(cat a b | tr '\n' ' ' | sed 's/ $//')"
same '/memfd:ctrtool (deleted)' "$(ctrtool escape launcher -w -- sh -c 'readlink /proc/$PPID/exe')"
echo "all as ever"
