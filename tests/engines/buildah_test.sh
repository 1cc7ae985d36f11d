#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Debian's buildah, which runs the build steps in containers of ocictr.
. "$(dirname "$0")/common.sh"
engine=buildah

setup_buildah() {
  need buildah
  setup_containers_conf
  export BUILDAH_ISOLATION=oci
  make_rootfs /tmp/rootfs
  mkdir -p /tmp/base /tmp/context
  tar -C /tmp/rootfs -cf /tmp/base/rootfs.tar .
  printf 'FROM scratch\nADD rootfs.tar /\nENV PATH=/bin\n' >/tmp/base/Containerfile
  buildah bud -q -t bb /tmp/base >/tmp/base/log 2>&1 || fail "base image: $(cat /tmp/base/log)"
}
buildah() { command buildah --root /tmp/podman/root --runroot /run/podman/storage "$@"; }
remove_containers() { buildah rm -a >/dev/null 2>&1; }

# build OPTIONS...: /tmp/context, whose Containerfile is stdin.
build() {
  cat >/tmp/context/Containerfile
  expect "${status:-0}" buildah bud --runtime "$OCICTR" --network none --cgroup-parent "/$tag" -t built "$@" /tmp/context
}
working() { name=$(buildah from --cgroup-parent "/$tag" --network none "${1:-bb}") || fail "buildah from"; }
in_it() { buildah run --runtime "$OCICTR" "$@"; }

# --- bud -----------------------------------------------------------------------
t_bud_run() {
  echo copied >/tmp/context/file
  build <<'FILE'
FROM bb
COPY file /file
RUN echo made > /made && cat /file >> /made
USER 1000
RUN id -u > /tmp/who
WORKDIR /tmp
RUN ["sh", "-c", "pwd >> /tmp/who"]
FILE
  working localhost/built
  expect 0 in_it "$name" cat /made /tmp/who
  is "made
copied
1000
/tmp"
}
t_bud_stages() {
  build <<'FILE'
FROM bb AS first
RUN echo from-the-first > /made
FROM bb
COPY --from=first /made /got
RUN cat /got
FILE
  says from-the-first
}
t_bud_status_of_a_failed_step() {
  status=5 build <<'FILE'
FROM bb
RUN exit 5
FILE
}
t_bud_missing_program() {
  status=1 build <<'FILE'
FROM bb
RUN ["/no/such"]
FILE
  says "no such file or directory"
}
t_bud_arguments_and_environment() {
  build --build-arg WORD=told <<'FILE'
FROM bb
ARG WORD
ENV OTHER=kept
RUN echo $WORD $OTHER
FILE
  says "told kept"
}
t_bud_cache_mount() {
  build <<'FILE'
FROM bb
RUN --mount=type=tmpfs,target=/scratch touch /scratch/x && mount | grep /scratch
FILE
  says "tmpfs on /scratch"
}
t_bud_options() {
  mkdir /tmp/data
  echo outside >/tmp/data/file
  build -v /tmp/data:/data:ro --cap-drop all --ulimit nofile=123:456 --memory 64m --shm-size 4m <<'FILE'
FROM bb
RUN cat /data/file && guest report
FILE
  says outside "status.CapEff 0000000000000000" "rlimit.NOFILE 123 456"
}
t_bud_layers() {
  for _ in 1 2; do
    build --layers <<'FILE'
FROM bb
RUN echo once
RUN echo twice > /made
FILE
  done
  says "Using cache"
}
t_bud_user_namespace() {
  build --userns-uid-map 0:100000:5000 --userns-gid-map 0:100000:5000 <<'FILE'
FROM bb
RUN cat /proc/self/uid_map
FILE
  says "100000       5000"
}
t_bud_without_pivot() {
  export BUILDAH_NOPIVOT=1
  build <<'FILE'
FROM bb
RUN echo fine
FILE
  says fine
}
t_bud_runtime_of_containers_conf() {
  # The drop-in that the package installs, with the tested binary in it.
  install_drop_in
  printf 'FROM bb\nRUN echo by-name\n' >/tmp/context/Containerfile
  expect 0 buildah bud --runtime ocictr --network none --cgroup-parent "/$tag" /tmp/context
  says by-name
  expect 0 env BUILDAH_RUNTIME="$OCICTR" "$0" --inside bud --network none --cgroup-parent "/$tag" /tmp/context
  says by-name
}
t_bud_debugging() {
  build --runtime-flag debug <<'FILE'
FROM bb
RUN echo fine
FILE
  says fine
}

# --- run -----------------------------------------------------------------------
t_run_status_and_streams() {
  working
  expect 3 in_it "$name" sh -c 'echo to-out; echo to-err >&2; exit 3'
  says to-out to-err
  out=$(echo typed | in_it "$name" cat)
  is typed
}
t_run_tty() {
  working
  run_on_terminal "$0" --inside run --runtime "$OCICTR" -t "$name" sh
}
t_run_tty_of_a_short_program() {
  working
  expect 0 on_terminal --expect /dev/ -- "$0" --inside run --runtime "$OCICTR" -t "$name" tty
}
t_run_missing_program() {
  working
  expect 1 in_it "$name" /no/such
  says "no such file or directory"
  expect 1 in_it "$name" /etc
  says "permission denied"
}
t_run_options() {
  working
  mkdir /tmp/data
  expect 0 in_it --user 1000:10 --env A=b --workingdir /tmp --hostname named --cap-drop all \
    -v /tmp/data:/data --no-pivot "$name" sh -c 'echo $A $(pwd) $(id -u):$(id -g) $(hostname); grep CapBnd /proc/self/status; test -d /data'
  says "b /tmp 1000:10 named" 0000000000000000
}
t_run_host_namespaces() {
  working
  expect 0 in_it --pid host --ipc host --network host "$name" readlink /proc/self/ns/pid
  is "$(readlink /proc/self/ns/pid)"
}
t_run_killed() {
  working
  expect 137 in_it "$name" sh -c 'kill -9 $$; sh -c "guest signal 9"; exit $?'
}
t_run_commit_run() {
  working
  expect 0 in_it "$name" sh -c 'echo kept > /made'
  expect 0 buildah commit -q "$name" next
  working localhost/next
  expect 0 in_it "$name" cat /made
  is kept
}

if [ "${1:-}" = --inside ]; then
  shift
  buildah "$@"
  exit
fi
main "$@"
