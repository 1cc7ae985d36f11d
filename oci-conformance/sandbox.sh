#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs one command, and everything it leaves behind, where it can do no harm:
#   sandbox.sh [OPTION]... COMMAND [ARG]...
#
# Own pid, mount, network, ipc, uts and cgroup namespaces; private /run, /tmp and /dev; the rest of
# the machine's files read-only. All cgroups the command makes lie below one cgroup of ours in each
# hierarchy, which is emptied and removed afterwards; no other cgroup is touched.
# Exit status: the command's; 124 when it ran out of time.
#   --timeout SECONDS  default: 60
#   --keep DIR         stays visible though it is under /run, /tmp or /dev
#   --rw DIR           stays writable
#   --v1 CONTROLLERS   mounts one more cgroup v1 hierarchy for the time of the command, when its
#                      controllers are in no other
#   --delegate         enables all controllers of cgroup v2 for our cgroup, for that time
#   --userns           in a user namespace with the same ids: there the command has all capabilities
set -u

fail() {
  echo "sandbox: $*" >&2
  exit 125
}

# --- inside the namespaces -------------------------------------------------------------------

# Pid 1 alone enters our cgroups, and only then is their root hidden: those who wait for it stay out,
# since a cgroup v2 that has processes cannot hand controllers to its children.
enter() {
  local kind where rest
  while read -r kind where rest; do
    echo 0 > "$where/$CGROUP_NAME/cgroup.procs" || fail "cannot enter $where/$CGROUP_NAME"
  done <<< "$CGROUP_MOUNTS"
  exec unshare --cgroup "$BASH" "$0" --inside "$@"
}

# For the same reason we leave the root that the command sees, and hand it what we were handed.
leave_root() {
  [ -e "$1/cgroup.controllers" ] || return 0
  mkdir "$1/sandbox" && echo 0 > "$1/sandbox/cgroup.procs"
}

# A hierarchy is mounted anew: from inside the cgroup namespace its root is our own cgroup.
mount_cgroups() {
  mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup || return
  local kind where options name
  while read -r kind where options; do
    if [ "$where" = /sys/fs/cgroup ]; then # the pure v2 layout
      umount /sys/fs/cgroup
      mount -t cgroup2 cgroup2 /sys/fs/cgroup && leave_root /sys/fs/cgroup
      return
    fi
    name=${where##*/}
    where=/sys/fs/cgroup/$name
    mkdir "$where" && mount -t "$kind" -o "$options" "$kind" "$where" || return
    leave_root "$where"
    [ "$name" = "${name%,*}" ] || ln -s "$name" "/sys/fs/cgroup/${name%,*}"
    [ "$name" = "${name#*,}" ] || ln -s "$name" "/sys/fs/cgroup/${name#*,}"
  done <<< "$CGROUP_MOUNTS"
}

# Only nodes every machine has; a new devpts, so that no terminal of the machine can be reached.
make_dev() {
  local dev=$1
  mkdir -p "$dev/pts" "$dev/shm" "$dev/mqueue"
  cp -a /dev/{null,zero,full,random,urandom,tty} "$dev/"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$dev/pts" &&
    mount -t tmpfs -o mode=1777 shm "$dev/shm" || return
  ln -s pts/ptmx "$dev/ptmx"
  ln -s /proc/self/fd "$dev/fd"
  ln -s fd/0 "$dev/stdin"
  ln -s fd/1 "$dev/stdout"
  ln -s fd/2 "$dev/stderr"
}

# /run is covered first and holds what must survive the covering of /tmp and /dev (and of /run).
cover() {
  mount -t tmpfs -o mode=755 stage /mnt || return
  local dir i=0
  for dir in "${KEEP[@]}"; do
    mkdir -p "/mnt/$((++i))" && mount --rbind "$dir" "/mnt/$i" || return
  done
  mkdir /mnt/dev && mount -t tmpfs -o mode=755 dev /mnt/dev && make_dev /mnt/dev || return
  umount -lR /dev
  mount -t tmpfs -o mode=755 run /run && mount -t tmpfs -o mode=1777 tmp /tmp &&
    mount --move /mnt/dev /dev || return
  i=0
  for dir in "${KEEP[@]}"; do
    mkdir -p "$dir" && mount --move "/mnt/$((++i))" "$dir" || return
  done
  umount /mnt
}

# What --rw names becomes a mount of its own first, and so stays writable.
protect() {
  local dir
  for dir in "${RW[@]}"; do mount --rbind "$dir" "$dir" || return; done
  mount -o remount,bind,ro /
}

# The validation program for network priorities takes the name of the second interface it sees; the
# kernel wants that of an interface in the initial namespace.
make_network() {
  local name
  name=$(awk 'NR == 2 { print $1 }' /sys/fs/cgroup/net_prio/net_prio.ifpriomap)
  ip link set lo up
  ip link add other type veth peer name "${name:-eth0}"
} 2> /dev/null

# The map is ours to write, so the command waits until it is there.
in_userns() {
  local pid
  mkfifo /run/mapped
  unshare --user "$BASH" -c 'read -r _ < /run/mapped; rm /run/mapped; exec "$@"' - "$@" &
  pid=$!
  while [ "$(readlink "/proc/$pid/ns/user")" = "$(readlink /proc/self/ns/user)" ]; do sleep 0.01; done
  echo "0 0 65536" > "/proc/$pid/uid_map" && echo "0 0 65536" > "/proc/$pid/gid_map"
  echo > /run/mapped
  wait "$pid"
}

inside() {
  mount --make-rprivate / || fail "cannot make mounts private"
  # Lazily and only here: a runtime that looks for the first mount of a kind must find the new one.
  umount -lR /proc && mount -t proc proc /proc || fail "cannot mount /proc"
  umount -lR /sys && mount -t sysfs sysfs /sys || fail "cannot mount /sys"
  umount -lR /mnt 2> /dev/null
  mount_cgroups || fail "cannot mount cgroups"
  cover || fail "cannot cover /run, /tmp, /dev"
  protect || fail "cannot protect /"
  make_network
  cd "$START_DIR" || fail "cannot enter $START_DIR"
  # Not exec: this shell is pid 1 and reaps what the runtime leaves to it.
  if [ -n "$SANDBOX_USERNS" ]; then in_userns "$@"; else "$@"; fi &
  wait $!
  local status=$?
  # The end of pid 1 kills the others and waits for them; what is frozen would not die.
  find /sys/fs/cgroup -name freezer.state -exec sh -c 'echo THAWED > "$1"' - {} \; 2> /dev/null
  return $status
}

# --- outside -------------------------------------------------------------------------------

cgroup_mounts() {
  awk '{ for (i = 7; $i != "-"; ++i); kind = $(i + 1); options = $(i + 3) }
       kind == "cgroup" || kind == "cgroup2" {
         n = split(options, word, ","); keep = ""
         for (j = 1; j <= n; ++j)
           if (word[j] !~ /^(rw|ro|seclabel|release_agent=.*|clone_children|nsdelegate|memory_recursiveprot|xattr|favordynmods)$/)
             keep = keep (keep == "" ? "" : ",") word[j]
         print kind, $5, (keep == "" ? "rw" : keep) }' /proc/self/mountinfo
}

# Own cgroup in each hierarchy, directly below the root: a nested one would inherit limits.
make_cgroups() {
  local kind where rest dir
  while read -r kind where rest; do
    dir=$where/$CGROUP_NAME
    mkdir "$dir" || return
    if [ -e "$dir/cpuset.mems" ] && [ "$kind" = cgroup ]; then
      cat "$where/cpuset.cpus" > "$dir/cpuset.cpus" && cat "$where/cpuset.mems" > "$dir/cpuset.mems" || return
    fi
  done <<< "$CGROUP_MOUNTS"
}

# Controllers that we enabled at the root of cgroup v2 are disabled again, unless others use them now.
delegate() {
  local kind where rest controller
  while read -r kind where rest; do
    [ "$kind" = cgroup2 ] || continue
    for controller in $(cat "$where/cgroup.controllers"); do
      grep -qw "$controller" "$where/cgroup.subtree_control" && continue
      echo "+$controller" > "$where/cgroup.subtree_control" && DELEGATED+=("$where $controller")
    done
  done <<< "$CGROUP_MOUNTS"
} 2> /dev/null

undelegate() {
  local entry
  for entry in "${DELEGATED[@]}"; do echo "-${entry#* }" > "${entry% *}/cgroup.subtree_control"; done
  DELEGATED=()
} 2> /dev/null

# A v1 cgroup that is frozen keeps its processes through SIGKILL.
remove_cgroups() {
  local kind where rest dir file try
  while read -r kind where rest; do
    dir=$where/$CGROUP_NAME
    [ -d "$dir" ] || continue
    find "$dir" -name freezer.state -exec sh -c 'echo THAWED > "$1"' - {} \; 2>/dev/null
    find "$dir" -name cgroup.kill -exec sh -c 'echo 1 > "$1"' - {} \; 2>/dev/null
    for try in {1..50}; do # a process that was frozen takes its time to die
      find "$dir" -depth -type d -exec rmdir {} + 2>/dev/null
      [ -d "$dir" ] || break
      sleep 0.1
    done
    [ ! -d "$dir" ] || echo "sandbox: cannot remove $dir" >&2
  done <<< "$CGROUP_MOUNTS"
}

# Mounted where only we can see it, which is enough for it to exist.
add_hierarchy() {
  mount -t tmpfs tmpfs /mnt && mkdir "/mnt/$1" && mount -t cgroup -o "$1" cgroup "/mnt/$1" 2> /dev/null ||
    umount -lR /mnt
}

# The kernel keeps a hierarchy that still had a dying cgroup at its last umount: mount it once more.
drop_hierarchy() {
  local try
  umount -lR /mnt 2> /dev/null
  for try in 1 2 3 4 5 6 7 8 9 10; do
    sleep 0.2 # it goes asynchronously
    ! awk -v name="${1%,*}" '$1 == name && $2 == 0 { found = 1 } END { exit !found }' /proc/cgroups || return 0
    add_hierarchy "$1"
    umount -R /mnt 2> /dev/null
  done
}

main() {
  local limit=60 v1='' delegate=0 status=0
  ARGUMENTS=("$@")
  KEEP=() RW=() DELEGATED=() SANDBOX_USERNS=
  while [ $# -gt 0 ]; do
    case $1 in
      --timeout) limit=$2; shift 2 ;;
      --keep)
        case $2/ in /tmp/* | /run/* | /dev/*) KEEP+=("$2") ;; esac
        shift 2
        ;;
      --rw) RW+=("$2"); shift 2 ;;
      --v1) v1=$2; shift 2 ;;
      --delegate) delegate=1; shift ;;
      --userns) SANDBOX_USERNS=1; shift ;;
      *) break ;;
    esac
  done
  [ $# -gt 0 ] || fail "no command"
  [ "$(id -u)" = 0 ] || fail "needs root"
  START_DIR=$PWD
  if [ -n "$v1" ]; then
    [ -n "${SANDBOX_MOUNTS-}" ] || SANDBOX_MOUNTS=private exec unshare --mount "$BASH" "$0" "${ARGUMENTS[@]}"
    add_hierarchy "$v1"
  fi
  CGROUP_MOUNTS=$(cgroup_mounts)
  CGROUP_NAME=ocictr-conformance-$$
  trap 'remove_cgroups; undelegate' EXIT
  trap 'exit 130' INT TERM HUP
  export CGROUP_MOUNTS CGROUP_NAME START_DIR SANDBOX_USERNS
  [ $delegate = 0 ] || delegate
  make_cgroups || fail "cannot make cgroups"
  timeout --kill-after=5 --signal=TERM "$limit" \
    unshare --pid --fork --kill-child=KILL --mount --net --ipc --uts \
    "$BASH" "$0" --enter "${#KEEP[@]}" "${KEEP[@]}" "${#RW[@]}" "${RW[@]}" "$@" || status=$?
  if [ -n "$v1" ]; then
    remove_cgroups
    drop_hierarchy "$v1"
  fi
  exit $status
}

case ${1-} in
  --enter) enter "${@:2}" ;;
  --inside)
    shift
    KEEP=("${@:2:$1}")
    shift $(($1 + 1))
    RW=("${@:2:$1}")
    shift $(($1 + 1))
    inside "$@"
    ;;
  *) main "$@" ;;
esac
