# SPDX-License-Identifier: Apache-2.0
# Sourced by the scripts here, inside the sandbox: one root file system, configurations that all
# runtimes take, and the names of who takes part. Everything is below /tmp and /run, which are the
# sandbox's own, but for control groups: those have $group in their path.
set -u
export LC_ALL=C
unset NOTIFY_SOCKET LISTEN_FDS

group=octest-${OCICTR_TEST_RUN:-alone}-bench-$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')
rootfs=/tmp/rootfs

make_rootfs() {
  mkdir -p $rootfs/bin $rootfs/proc $rootfs/dev $rootfs/sys $rootfs/etc $rootfs/tmp $rootfs/vol $rootfs/run
  cp "$(command -v busybox)" $rootfs/bin/busybox || return 1
  for applet in sh true sleep; do ln -sf busybox $rootfs/bin/$applet; done
}

# make_group: the parent of all control groups here, in each hierarchy. Engines have such a one, and it
# stays while there are containers; otherwise each start would make it, and each end remove it.
make_group() {
  if [ -e /sys/fs/cgroup/cgroup.procs ]; then hierarchies=/sys/fs/cgroup; else hierarchies=$(echo /sys/fs/cgroup/*); fi
  for hierarchy in $hierarchies; do
    [ -e "$hierarchy/cgroup.procs" ] || continue
    mkdir -p "$hierarchy/$group" || return 1
    for file in cpuset.cpus cpuset.mems; do  # version 1: no process may enter while they are empty
      [ ! -e "$hierarchy/$file" ] || cat "$hierarchy/$file" >"$hierarchy/$group/$file" || return 1
    done
  done
}

# make_config DIRECTORY ARGS CGROUP: what `spec` gives (ours, for all), with these arguments.
make_config() {
  mkdir -p "$1"
  (cd "$1" && rm -f config.json && "$OCICTR" spec) || exit 1
  # Older peers refuse versions they do not know; nothing newer is used.
  sed -i -e 's/"ociVersion": *"[^"]*"/"ociVersion": "1.0.2"/' -e 's/"terminal": *true/"terminal": false/' \
    -e "s|\"path\": *\"rootfs\"|\"path\": \"$rootfs\"|" \
    -e "s|\"linux\": *{|\"linux\": { \"cgroupsPath\": \"/$group/$3\",|" "$1/config.json"
  tr '\n\t' '  ' <"$1/config.json" | sed "s|\"args\": *\[[^]]*\]|\"args\": [$2]|" >"$1/new" &&
    mv "$1/new" "$1/config.json"
}

# with_mounts FROM TO COUNT: TO is bundle FROM with COUNT read-only bind mounts more.
with_mounts() {
  mkdir -p "$2" $rootfs/many
  for i in $(seq "$3"); do mkdir -p "$rootfs/many/$i"; done
  mounts=$(seq "$3" | sed 's|.*|{"destination": "/many/&", "type": "bind", "source": "/tmp/volume", "options": ["bind", "ro"]},|' | tr -d '\n')
  mkdir -p /tmp/volume
  printf 's|"mounts": *\\[|"mounts": [%s|\n' "$mounts" >/tmp/edit
  sed -f /tmp/edit "$1/config.json" >"$2/config.json"
}

# make_records FROM TO: records r(FROM+1) to rTO, copies of that of the container "stopped".
make_records() {
  seq $(($1 + 1)) "$2" | sed 's|^|/run/ocictr/r|' | xargs mkdir -m 700
  record=$(cat /run/ocictr/stopped/state.json)
  for i in $(seq $(($1 + 1)) "$2"); do
    printf '%s\n' "${record%%\"id\":\"stopped\"*}\"id\":\"r$i\"${record#*\"id\":\"stopped\"}" \
      >"/run/ocictr/r$i/state.json"
  done
}

remove_cgroups() {
  for _ in 1 2 3 4 5; do
    find /sys/fs/cgroup -depth -type d -path "*/$group*" -exec rmdir {} + 2>/dev/null
    [ -n "$(find /sys/fs/cgroup -type d -path "*/$group*" 2>/dev/null)" ] || return 0
    sleep 0.1
  done
}
