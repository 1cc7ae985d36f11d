# SPDX-License-Identifier: Apache-2.0
# Sourced by the engine tests, inside the sandbox: private roots and configuration for podman, one
# image made of busybox, and small words to say what is expected. Each test file holds functions
# t_NAME; `FILE --list` names them, `FILE NAME` runs one.
#
# From the build: OCICTR (the runtime), OCICTR_TOOLS (directory of guest and pty).
set -u
export LC_ALL=C

fail() { printf 'FAILED: %s\n' "$*"; exit 1; }
skip() { printf 'SKIP: %s\n' "$*"; exit 77; }
need() { command -v "$1" >/dev/null || skip "$1 is not installed"; }

# expect STATUS COMMAND...: runs it, output in $out (both streams), and compares the status. By way
# of a file: a container that goes on running may keep its output open.
expect() {
  want=$1
  shift
  "$@" >/tmp/output 2>&1 && got=0 || got=$?
  out=$(cat /tmp/output)
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

# Everything of podman below /tmp and /run, which are ours alone.
setup_podman() {
  need podman
  tag=octest-$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')
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

# When the containers are gone, so is everything of the runtime.
nothing_left() {
  podman rm -f -t 0 -a >/dev/null 2>&1
  left=$(ls -A /run/ocictr 2>/dev/null | grep -v -e '^\.' -e '^cache$')
  [ -z "$left" ] || fail "left in the state root: $left"
  left=$(find /sys/fs/cgroup -type d -path "*/$tag/*" | grep -v '/conmon$')
  [ -z "$left" ] || fail "left control groups: $left"
}
remove_cgroups() { find /sys/fs/cgroup -depth -type d -path "*${tag:-octest-none}*" -exec rmdir {} + 2>/dev/null; }

main() {
  if [ "${1:-}" = --list ]; then
    sed -n 's/^t_\([a-z0-9_]*\)() {.*/\1/p' "$0"
    exit 0
  fi
  trap remove_cgroups EXIT
  "setup_$engine"
  "t_$1"
  nothing_left
}
