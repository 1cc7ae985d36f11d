#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs the OCI runtime-tools validation programs against one or more runtimes:
#   run.sh [--strict] [--only PATTERN] [--jobs N] [--markdown] [RUNTIME]...
#
# RUNTIME is a path or a name in PATH; default: build/ocictr of this repository. See README.md.
#   --strict    fail when the first runtime's verdicts differ from expected.txt, in either direction
#   --only      only the programs whose name matches this shell pattern
#   --jobs      programs at a time (default: twice the processors; most of their time is spent waiting)
#   --markdown  the table as README.md has it
# For ctest: --list the programs, --prepare them, --check one of them against its line.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/common.sh"

KIND='' EXPECTED='a line in expected.txt'
SOURCE=golang-github-opencontainers-runtime-tools
SUITE=trixie
TIMEOUT=90

# Programs that look at controllers which most machines have in no v1 hierarchy.
declare -A NEEDS_V1=(
  [linux_cgroups_network]=net_cls,net_prio [linux_cgroups_relative_network]=net_cls,net_prio
  [linux_cgroups_hugetlb]=hugetlb [linux_cgroups_relative_hugetlb]=hugetlb
)

# Programs that want every capability, which root may lack where a hypervisor or engine has cut them.
declare -A NEEDS_CAPABILITIES=([process_capabilities]=1)

# Programs that send a signal as soon as the container runs, when its shell may not yet have set the
# trap: for them `kill` takes half a second.
declare -A NEEDS_PATIENCE=([killsig]=1)

# Programs whose verdict is a matter of luck with some runtimes, as with one that dies when a hook
# ends before it has read its state: they run this many times, and the first failure counts.
declare -A ROUNDS=([poststart_fail]=5 [poststop]=5 [poststop_fail]=5)

# --- getting and building the programs --------------------------------------------------------

# The mirror this machine already trusts, whichever it is.
debian_mirror() {
  apt-get indextargets --format '$(ORIGIN) $(LABEL) $(SITE)' 'Identifier: Packages' |
    awk '$1 == "Debian" && $2 == "Debian" { print $3; exit }'
}

# apt with lists, cache and sources of its own: the machine's configuration is neither read nor changed.
private_apt() {
  apt-get -q -o Dir::Etc::sourcelist="$CACHE/apt/sources.list" -o Dir::Etc::sourceparts=- \
    -o Dir::State::lists="$CACHE/apt/lists" -o Dir::Cache="$CACHE/apt/cache" -o APT::Sandbox::User=root "$@"
}

fetch_source() {
  local tarballs=("$CACHE/$SOURCE"_*.orig.tar.xz) mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  if [ ${#tarballs[@]} = 0 ]; then
    mirror=$(debian_mirror)
    [ -n "$mirror" ] || { apt-get update -qq && mirror=$(debian_mirror); }
    [ -n "$mirror" ] || die "this machine has no Debian mirror among its apt sources"
    log "fetching $SOURCE"
    mkdir -p "$CACHE/apt/lists/partial" "$CACHE/apt/cache/archives/partial"
    echo "deb-src [signed-by=$keyring] $mirror $SUITE main" > "$CACHE/apt/sources.list"
    private_apt update > "$CACHE/apt/log" 2>&1 &&
      (cd "$CACHE" && private_apt source --download-only --tar-only "$SOURCE" >> "$CACHE/apt/log" 2>&1) ||
      die "cannot fetch $SOURCE: see $CACHE/apt/log"
    rm -rf "$CACHE/apt/lists" "$CACHE/apt/cache"
    tarballs=("$CACHE/$SOURCE"_*.orig.tar.xz)
  fi
  [ ${#tarballs[@]} = 1 ] || die "expected one source archive in $CACHE, found ${#tarballs[@]}"
  TARBALL=${tarballs[0]}
}

# Go raises the soft limit on open files of every program that it starts; runtimetest then finds a
# limit that no runtime has set. The standard library is compiled without that initializer.
overlay_go() {
  local file root
  root=$(go env GOROOT)
  for file in os/rlimit.go syscall/rlimit.go; do
    [ -e "$root/src/$file" ] || continue
    sed 's/^func init()/func raiseFileLimit()/' "$root/src/$file" > "$CACHE/gopath/${file/\//-}"
    jq -n --arg from "$root/src/$file" --arg to "$CACHE/gopath/${file/\//-}" '{($from): $to}'
  done | jq -s '{Replace: (add // {})}' > "$CACHE/gopath/overlay.json"
}

# The source has root filesystems for two architectures only; the programs ask for little of them.
unpack_rootfs() {
  local archive=$1 tree=$2
  rm -rf "$tree" && mkdir -p "$tree"
  if [ -e "$archive" ]; then
    tar -C "$tree" -xf "$archive"
  else
    mkdir -p "$tree"/{bin,dev,etc,proc,sys,tmp,root}
    cp "$(command -v busybox)" "$tree/bin/busybox"
    busybox --list | grep -vx busybox | xargs -I{} ln -s busybox "$tree/bin/{}"
  fi
}

# Every program runs in a directory that holds runtimetest and a root filesystem, by default this one.
# It has runtimetest in it because misc_props runs that without putting it there.
# pidfile wants to signal a container while it runs, and runs `true` in it: there it takes its time.
# poststart takes the order in which two shells write for the order in which they were started.
make_work() {
  local archive=$1 name=${1##*/} tree=$CACHE/rootfs
  unpack_rootfs "$archive" "$tree"
  cp "$CACHE/bin/runtimetest" "$tree/"
  pack_work default
  rm "$tree/bin/true" && printf '#!/bin/sh\nexec sleep 5\n' > "$tree/bin/true" && chmod 755 "$tree/bin/true"
  pack_work pidfile
  rm "$tree/bin/sh"
  cat > "$tree/bin/sh" << 'END'
#!/bin/busybox sh
case $* in *"post-start called"*) /bin/busybox sleep 0.5 ;; esac
exec /bin/busybox sh "$@"
END
  chmod 755 "$tree/bin/sh"
  pack_work poststart
  rm -rf "$tree"
  cat > "$CACHE/work/patient" << 'END'
#!/bin/sh
case " $* " in *" kill "*) sleep 0.5 ;; esac
exec "$PATIENT_RUNTIME" "$@"
END
  chmod 755 "$CACHE/work/patient"
}

# Not compressed, whatever the name says: it is unpacked for every container.
pack_work() {
  mkdir -p "$CACHE/work/$1"
  cp "$CACHE/bin/runtimetest" "$CACHE/work/$1/"
  tar -C "$tree" -cf "$CACHE/work/$1/$name" .
}

build() {
  local key tree=$CACHE/gopath/src/github.com/opencontainers/runtime-tools shim=$CACHE/gopath/src/github.com/mndrix/tap-go
  key=$(cat "$TARBALL" "$HERE/tap/tap.go" "$HERE/run.sh" | sha256sum)
  [ "$(cat "$CACHE/built" 2> /dev/null)" != "$key" ] || return 0
  # shellcheck disable=SC2086 # words
  need_packages $conformance_packages
  log "building the validation programs"
  rm -rf "$CACHE/gopath" "$CACHE/bin" "$CACHE/work"
  mkdir -p "$tree" "$shim" "$CACHE/bin"
  tar -C "$tree" --strip-components=1 -xf "$TARBALL"
  cp "$HERE/tap/tap.go" "$shim/"
  overlay_go
  (
    cd "$tree"
    export GOPATH=$CACHE/gopath:/usr/share/gocode GO111MODULE=off GOFLAGS= GOCACHE=$CACHE/gocache CGO_ENABLED=0
    nice go build -overlay "$CACHE/gopath/overlay.json" -o "$CACHE/bin/" ./validation/... ./cmd/runtimetest
  )
  make_work "$tree/rootfs-$(go env GOARCH).tar.gz"
  echo "$key" > "$CACHE/built"
}

# --- running ---------------------------------------------------------------------------------

list_programs() {
  local path
  for path in "$CACHE"/bin/*; do
    case ${path##*/} in
      runtimetest) ;;
      $ONLY) echo "${path##*/}" ;;
    esac
  done
}

has_all_capabilities() {
  [ $((16#$(awk '/^CapEff:/ { print $2 }' /proc/self/status))) = $(((2 << $(cat /proc/sys/kernel/cap_last_cap)) - 1)) ]
}

run_one() {
  local round
  for ((round = 0; round < ${ROUNDS[$1]:-1}; ++round)); do
    run_once "$@"
    grep -q "^$1 pass " "$3/$1.verdict" || break
  done
}

# Bundles are made in the sandbox's own /tmp.
run_once() {
  local program=$1 runtime=$2 result=$3/$1 status=0 work=$CACHE/work/default
  local options=(--timeout "$TIMEOUT" --keep "$CACHE" --keep "$(dirname "$runtime")")
  [ ! -d "$CACHE/work/$program" ] || work=$CACHE/work/$program
  [ -z "${NEEDS_V1[$program]-}" ] || options+=(--v1 "${NEEDS_V1[$program]}")
  if [ -n "${NEEDS_CAPABILITIES[$program]-}" ] && ! has_all_capabilities; then options+=(--userns); fi
  (
    cd "$work"
    clean_environment
    if [ -n "${NEEDS_PATIENCE[$program]-}" ]; then
      export PATIENT_RUNTIME=$runtime
      runtime=$CACHE/work/patient
    fi
    RUNTIME=$runtime exec "$HERE/sandbox.sh" "${options[@]}" "$CACHE/bin/$program"
  ) > "$result.out" 2> "$result.err" < /dev/null || status=$?
  judge "$program" "$result" "$status" > "$result.verdict"
}

# One line: PROGRAM VERDICT OK NOT-OK SKIPPED NOTE...
judge() {
  awk -v program="$1" -v status="$3" '
    FILENAME ~ /\.err$/ { if ($0 !~ /^$|^exit status/) said = $0; if (/^WARNING/) warned = $0; next }
    /^TAP version/ { ++reports; next }
    /^1\.\.[0-9]+$/ { ++plans; next }
    /^ok .*# SKIP/ || /^not ok .*# TODO/ { ++skipped; next }
    /^ok / { ++good; next }
    /^not ok / { ++bad; if (note == "") { note = $0; sub(/^not ok [0-9]+ (- )?/, "", note) } next }
    /"error": *"./ { if (error == "") { error = $0; sub(/.*"error": *"/, "", error); sub(/",?$/, "", error) } }
    END {
      points = good + bad + skipped
      verdict = "fail"
      if (said == "") said = error
      if (warned != "" && error == "") error = warned
      if (status == 124 || status == 137) note = "ran out of time"
      else if (status != 0) { if (note == "" || note ~ /^exit status/) note = said != "" ? said : "exit status " status }
      else if (bad) { if (note ~ /^exit status/ && said != "") note = said }
      else if (plans < reports) note = said != "" ? said : "stopped before its end"
      else if (points) { verdict = good ? "pass" : "skip" }
      # No points: such a program speaks only when something is wrong. What the runtime says to it
      # passes through its standard error and does not count ...
      else if (reports) { if (error == "") verdict = "pass"; else note = error }
      # ... or, when what it wants is a refusal, by its exit status alone.
      else if (program ~ /_fail$/) verdict = "pass"
      else note = "printed nothing"
      if (verdict == "pass") note = ""
      sub(/\\n.*/, "", note)
      gsub(/[|\\]/, "", note)
      gsub(/\/tmp\/ocitest[0-9]+/, "BUNDLE", note)
      gsub(/[0-9a-f]+-[0-9a-f]+-[0-9a-f]+-[0-9a-f]+-[0-9a-f]+/, "ID", note)
      printf "%s %s %d %d %d %s\n", program, verdict, good, bad, skipped, substr(note, 1, 150)
    }' "$2.err" "$2.out"
}

run_all() {
  local program
  run_pool "$1" "$2" "${PROGRAMS[@]}"
  for program in "${PROGRAMS[@]}"; do cat "$2/$program.verdict"; done > "$2/summary"
}

print_table() {
  awk 'BEGIN { printf "%-34s %-7s %5s %6s %7s  %s\n", "PROGRAM", "VERDICT", "OK", "NOT OK", "SKIPPED", "FIRST FAILURE" }
       { note = $0; for (i = 1; i <= 5; ++i) sub(/^[^ ]+ /, "", note)
         printf "%-34s %-7s %5d %6d %7d  %s\n", $1, $2, $3, $4, $5, note }' "$1"
}

list() { awk '!/^#/ && NF && !seen[$1]++ { print $1 }' "$HERE/expected.txt"; }

is_prepared() { [ -e "$CACHE/built" ]; }

prepare() {
  # shellcheck disable=SC2086 # words
  need_packages $RUN_PACKAGES
  fetch_source
  build
  mapfile -t PROGRAMS < <(list_programs)
  [ ${#PROGRAMS[@]} -gt 0 ] || die "no program matches $ONLY"
}

parse_options "$@"
do_action "$HERE/../build/ocictr"
