# SPDX-License-Identifier: Apache-2.0
# Sourced by the engine tests, inside the sandbox: private roots and configuration for podman, one
# image made of busybox, and small words to say what is expected. Each test file holds functions
# t_NAME; `FILE --list` names them, `FILE NAME` runs one. A file sets `engine` and has, unless podman's
# will do: setup_ENGINE, remove_containers, and stop_engine for what it started.
#
# From the build: OCICTR (the runtime), OCICTR_TOOLS (directory of guest and pty).
set -u
export LC_ALL=C

fail() { printf 'FAILED: %s\n' "$*"; exit 1; }
skip() { printf 'SKIP: %s\n' "$*"; exit 77; }
need() { command -v "$1" >/dev/null || skip "$1 is not installed"; }

captured=/tmp/output
# What all control groups of this test are below.
new_tag() { tag=octest-${OCICTR_TEST_RUN:-alone}-$(od -An -N4 -tx4 /dev/urandom | tr -d ' '); }

# expect STATUS COMMAND...: runs it, output in $out (both streams), and compares the status. By way
# of a file: a container that goes on running may keep its output open.
expect() {
  want=$1
  shift
  # A runtime gives its output to the container's user.
  rm -f "$captured"
  "$@" >"$captured" 2>&1 && got=0 || got=$?
  out=$(cat "$captured")
  printf '$ %s\n%s\n[%s]\n' "$*" "$out" "$got"
  [ "$got" = "$want" ] || fail "status $got, not $want: $*"
}

# says TEXT...: the last output has each of them.
says() {
  for text; do
    case $out in *"$text"*) ;; *) fail "no \"$text\" in the output" ;; esac
  done
}
is() { [ "$out" = "$1" ] || fail "the output is not \"$1\""; }
lacks() { case $out in *"$1"*) fail "\"$1\" in the output" ;; esac; }

# eventually COMMAND...: until it succeeds, at most ten seconds.
eventually() {
  for _ in $(seq 100); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.1
  done
  fail "never: $*"
}

# limit_of PID V1-CONTROLLER/FILE V2-FILE: of the control group of the process.
limit_of() {
  path=$(sed -n "s/^[0-9]*:${2%%/*}://p" "/proc/$1/cgroup")
  if [ -n "$path" ]; then
    cat "/sys/fs/cgroup/${2%%/*}$path/${2#*/}"
  else
    cat "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$1/cgroup")/$3"
  fi
}
memory_limit_of() { limit_of "$1" memory/memory.limit_in_bytes memory.max; }

# --- what users do with every engine -----------------------------------------------
# on_terminal ARGUMENT...: of the program pty.
on_terminal() { "$OCICTR_TOOLS/pty" "$@"; }
# run_on_terminal COMMAND...: a shell in a container, which finds the size of our window and ends
# with 5.
run_on_terminal() {
  expect 5 on_terminal --size 33x99 --expect '# ' --send 'stty size\r' --expect '33 99' \
    --expect '# ' --send 'tty; exit 5\r' -- "$@"
  says /dev/pts/0
}
# exec_on_terminal COMMAND...: the same for one more shell, which ends with 4.
exec_on_terminal() {
  expect 4 on_terminal --size 22x66 --expect '# ' --send 'stty size\r' --expect '22 66' \
    --expect '# ' --send 'exit 4\r' -- "$@"
}
# several_at_once COMMAND...: runs `COMMAND... N` four times; each must end with its N.
several_at_once() {
  runners=
  for i in 1 2 3 4; do
    "$@" $i &
    runners="$runners $!"
  done
  i=0
  for runner in $runners; do
    i=$((i + 1))
    wait "$runner"
    [ $? = $i ] || fail "container $i"
  done
}
# Of the last output, that of `guest fds`.
is_stdio_only() { [ "$(printf '%s\n' "$out" | wc -l)" = 3 ] || fail "more than three descriptors"; }

# /tmp/profile.json, a seccomp profile under which no program can be executed: `create` cannot know.
forbid_execve() {
  printf '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["execve"],"action":"SCMP_ACT_ERRNO"}]}' \
    >/tmp/profile.json
}

# words WORD...: as a JSON array.
words() { printf '%s\036' "$@" | jq -R -s -c 'split("\u001e")[:-1]'; }

make_rootfs() {
  mkdir -p "$1/bin" "$1/etc" "$1/tmp" "$1/proc" "$1/sys" "$1/dev" "$1/root" "$1/run" "$1/var"
  chmod 1777 "$1/tmp"
  cp "$(command -v busybox)" "$1/bin/busybox" || skip "busybox-static is not installed"
  cp "$OCICTR_TOOLS/guest" "$1/bin/guest"
  for applet in sh cat ls echo true false sleep id ps env mount umount touch head stty tty hostname \
    ip wc grep kill sed mkdir rm nc od stat chmod chown readlink ulimit df mknod test seq; do
    ln -sf busybox "$1/bin/$applet"
  done
  printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n' >"$1/etc/passwd"
  printf 'root:x:0:\nuser:x:1000:\nwheel:x:10:user\n' >"$1/etc/group"
}

# /tmp/image.tar of /tmp/rootfs, as `docker save` writes it.
make_image() {
  mkdir /tmp/image
  tar -C /tmp/rootfs -cf /tmp/image/layer.tar .
  printf '{"architecture":"%s","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":["/bin/guest","wait-term"]},
    "rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$(dpkg --print-architecture)" \
    "$(sha256sum </tmp/image/layer.tar | cut -d ' ' -f 1)" >/tmp/image/config.json
  printf '[{"Config":"config.json","RepoTags":["docker.io/library/bb:latest"],"Layers":["layer.tar"]}]' \
    >/tmp/image/manifest.json
  tar -C /tmp/image -cf /tmp/image.tar .
}

# An /etc that may be written to.
with_private_etc() {
  mkdir -p /tmp/etc/upper /tmp/etc/work
  mount -t overlay -o lowerdir=/etc,upperdir=/tmp/etc/upper,workdir=/tmp/etc/work overlay /etc ||
    skip "this kernel has no overlay file system"
  mount_points >/tmp/mounts_before
}

# Everything of podman and buildah below /tmp and /run, which are ours alone.
setup_containers_conf() {
  new_tag
  export XDG_RUNTIME_DIR=/run/xdg HOME=/tmp/home TMPDIR=/tmp
  export CONTAINERS_CONF=/tmp/podman/containers.conf CONTAINERS_STORAGE_CONF=/tmp/podman/storage.conf
  export CONTAINERS_REGISTRIES_CONF=/tmp/podman/registries.conf
  mkdir -p -m 700 /run/xdg /tmp/home /tmp/podman /run/podman
  echo "$tag" >/tmp/podman/tag
  cat >"$CONTAINERS_CONF" <<CONF
[containers]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
static_dir = "/tmp/podman/libpod"
tmp_dir = "/run/podman/libpod"
volume_path = "/tmp/podman/volumes"
${engine_conf:-}
CONF
  printf '[storage]\ndriver = "vfs"\ngraphroot = "/tmp/podman/root"\nrunroot = "/run/podman/storage"\n' \
    >"$CONTAINERS_STORAGE_CONF"
  echo 'unqualified-search-registries = []' >"$CONTAINERS_REGISTRIES_CONF"
}
# The drop-in that the package installs, with the tested program in it.
install_drop_in() {
  sed "s|^ocictr = .*|ocictr = [\"$OCICTR\"]|" "$packaging/containers.conf" |
    grep -v '^\[engine\]$' >/tmp/podman/drop-in
  cat /tmp/podman/drop-in >>"$CONTAINERS_CONF"
}
packaging=$(dirname "$0")/../../runtime/packaging

setup_podman() {
  need podman
  setup_containers_conf
  make_rootfs /tmp/rootfs
  tar -C /tmp/rootfs -c . | podman import - bb >/tmp/podman/import.log 2>&1 ||
    fail "podman import: $(cat /tmp/podman/import.log)"
}

podman() {
  command podman --runtime "$OCICTR" --cgroup-manager cgroupfs --root /tmp/podman/root \
    --runroot /run/podman/storage "$@"
}
# run OPTIONS... IMAGE WORDS...: without a network unless told, below a parent group of our own.
run() { podman run --cgroup-parent "/$tag" --network "${network:-none}" "$@"; }

# start_containerd [FILE]: below /tmp/containerd and /run/containerd; FILE configures the CRI plugin,
# which is off without it.
start_containerd() {
  need containerd
  mkdir -p /tmp/containerd /run/containerd
  cat >/tmp/containerd/config.toml <<CONF
version = 2
root = "/tmp/containerd/root"
state = "/run/containerd/state"
disabled_plugins = ["io.containerd.internal.v1.opt"$([ $# = 1 ] || echo ', "io.containerd.grpc.v1.cri"')]
[grpc]
  address = "/run/containerd/sock"
CONF
  [ $# = 0 ] || cat "$1" >>/tmp/containerd/config.toml
  export CONTAINERD_ADDRESS=/run/containerd/sock
  containerd -c /tmp/containerd/config.toml >>/tmp/containerd/log 2>&1 &
  containerd=$!
  eventually ctr version
}
containerd= dockerd=  # their pids
stop_daemon() {
  [ -n "$1" ] || return 0
  kill "$1" 2>/dev/null
  wait "$1"
}

remove_containers() { podman rm -f -t 0 -a >/dev/null 2>&1; }
stop_engine() { :; }
state_root=/run/ocictr

# Only ours are below the tag; podman's conmon goes a moment after its container.
state_left() { ls -A "$state_root" 2>/dev/null | grep -v -e '^\.' -e '^cache$'; }
cgroups_left() { find /sys/fs/cgroup -type d -path "*/$tag/*" | grep -v '/conmon$'; }
mount_points() { awk '{print $5}' /proc/self/mountinfo | grep -v -e '/netns$' -e '/netns/default$' | sort; }
mounts_left() { mount_points | comm -13 /tmp/mounts_before -; }
# Not pid 1, not us and our subshells.
processes_left() {
  for directory in /proc/[0-9]*; do
    case ${directory#/proc/} in 1 | $$) continue ;; esac
    words=$(tr '\0' ' ' 2>/dev/null <"$directory/cmdline")
    case $words in '' | *" $0 "*) ;; *) echo "${directory#/proc/} $words" ;; esac
  done
}
# gone WHAT COMMAND: at most five seconds until it says nothing.
gone() {
  for _ in $(seq 50); do
    left=$("$2")
    [ -n "$left" ] || return 0
    sleep 0.1
  done
  fail "left $1: $left"
}

# When the containers are gone, so is everything of the runtime.
nothing_left() {
  remove_containers
  gone "in the state root" state_left
  gone "control groups" cgroups_left
  gone "mounts" mounts_left
  stop_engine
  gone "processes" processes_left
}
remove_cgroups() { find /sys/fs/cgroup -depth -type d -path "*${tag:-octest-none}*" -exec rmdir {} + 2>/dev/null; }

finish() {
  remove_containers >/dev/null 2>&1
  stop_engine
  remove_cgroups
}

main() {
  if [ "${1:-}" = --list ]; then
    sed -n 's/^t_\([a-z0-9_]*\)() {.*/\1/p' "$0"
    exit 0
  fi
  trap finish EXIT
  "setup_$engine"
  mount_points >/tmp/mounts_before
  "t_$1"
  nothing_left
}
