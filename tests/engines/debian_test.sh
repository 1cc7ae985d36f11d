#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A real distribution's root file system (Debian 12 by debootstrap): bash, python3 and a service of
# several processes, as a plain bundle and through podman run --rootfs.
. "$(dirname "$0")/common.sh"
engine=debian

setup_debian() {
  [ -e "$OCICTR_DEBIAN/.complete" ] || { cat "$OCICTR_DEBIAN.skip" 2>/dev/null; exit 77; }
  setup_podman
  mkdir -p /tmp/debian/upper /tmp/debian/work /tmp/debian/bundle/rootfs
  mount -t overlay -o "lowerdir=$OCICTR_DEBIAN,upperdir=/tmp/debian/upper,workdir=/tmp/debian/work" \
    overlay /tmp/debian/bundle/rootfs || skip "this kernel has no overlay file system"
  root=/tmp/debian/bundle/rootfs
  write_service
}

# A supervisor in bash, a server and clients in python; ends well on TERM.
write_service() {
  cat >"$root/srv/server.py" <<'PYTHON'
import os, signal, socket, sys
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", 7777))
server.listen()
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
while True:
    peer, _ = server.accept()
    if os.fork() == 0:
        peer.sendall(b"served by a child of %d\n" % os.getppid())
        os._exit(0)
    peer.close()
    os.wait()
PYTHON
  cat >"$root/srv/service.sh" <<'BASH'
#!/bin/bash
python3 /srv/server.py & server=$!
trap 'kill $server; wait $server; echo "service ended"; exit 0' TERM
for _ in {1..50}; do (exec 3<>/dev/tcp/127.0.0.1/7777) 2>/dev/null && break; sleep 0.1; done
for i in 1 2 3; do exec 3<>/dev/tcp/127.0.0.1/7777; read -r line <&3; echo "client $i: $line"; exec 3>&-; done
echo ready
while :; do sleep 0.1 & wait $!; done
BASH
  chmod +x "$root/srv/service.sh"
}

# bundle WORDS...: a bundle of the Debian root that runs them.
bundle() {
  (cd /tmp/debian/bundle && rm -f config.json && "$OCICTR" spec) || fail "spec"
  need jq
  jq ".process.args = $(words "$@") | .process.terminal = false | .root.readonly = false
      | .linux.cgroupsPath = \"/$tag/c\"" </tmp/debian/bundle/config.json >/tmp/debian/edited &&
    mv /tmp/debian/edited /tmp/debian/bundle/config.json
}
runtime() { "$OCICTR" --root /run/ocictr "$@"; }

t_bundle_bash() {
  bundle bash -c 'set -e; . /etc/os-release; echo "$ID $VERSION_ID"; for i in {1..3}; do echo $((i * i)); done; sort <(seq 3 -1 1) | head -n 1; exit 11'
  expect 11 runtime run -b /tmp/debian/bundle c
  says "debian 12" 9
}
t_bundle_python() {
  bundle python3 -c 'import os, subprocess, sys; print(subprocess.check_output(["id", "-u"]).decode().strip(), os.getpid(), sys.version_info >= (3, 11)); sys.exit(12)'
  expect 12 runtime run -b /tmp/debian/bundle c
  says "0 1 True"
}
t_bundle_package_tools() {
  bundle sh -c 'dpkg -l base-files | tail -n 1; perl -e "print qq(perl works\n)"'
  expect 0 runtime run -b /tmp/debian/bundle c
  says "ii  base-files" "perl works"
}
t_bundle_service() {
  bundle /srv/service.sh
  runtime run -b /tmp/debian/bundle c >/tmp/service.log 2>&1 &
  runner=$!
  eventually grep -q ready /tmp/service.log
  expect 0 runtime ps -f json c
  [ "$(printf '%s' "$out" | tr -cd , | wc -c)" -ge 1 ] || fail "fewer than two processes"
  expect 0 runtime exec c python3 -c 'print("exec into it")'
  expect 0 runtime kill c TERM
  wait $runner || fail "the service ended with $?"
  out=$(cat /tmp/service.log)
  says "client 3: served by a child" "service ended"
}
t_podman_rootfs_bash() {
  expect 11 run --rm --rootfs "$root" bash -c 'echo $BASH_VERSION; exit 11'
  says 5.2
}
t_podman_rootfs_python() {
  expect 12 run --rm --rootfs "$root" python3 -c 'import sys; print("python", sys.version_info[0]); sys.exit(12)'
  says "python 3"
}
t_podman_rootfs_service() {
  expect 0 run -d --name c --rootfs "$root" /srv/service.sh
  eventually sh -c "grep -q ready /tmp/podman/root/vfs-containers/*/userdata/ctr.log"
  expect 0 podman exec c bash -c 'exec 3<>/dev/tcp/127.0.0.1/7777; cat <&3'
  says "served by a child"
  expect 0 podman stop -t 10 c
  expect 0 podman inspect --format '{{.State.ExitCode}}' c
  is 0
  expect 0 podman logs c
  says "service ended"
}

main "$@"
