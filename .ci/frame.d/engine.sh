# shellcheck shell=bash disable=SC2034,SC2154
# The engine: one that answers, or one of our own.

own_engine=

# start_engine sets DOCKER_HOST to an engine of our own unless one answers.
start_engine() {
  if command -v docker >/dev/null && timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; then
    say "an engine answers: $(docker version --format '{{.Server.Version}}')"
    return
  fi
  [ "$(id -u)" = 0 ] || cannot "no Docker engine answers, and only root can start one"
  packages docker:docker.io dockerd:docker.io
  local driver=${FRAME_STORAGE_DRIVER:-$(storage_driver)}
  # No bridge and no packet filter: containers use the host's network or none, and
  # this machine stays as it is.
  dockerd --storage-driver="$driver" --data-root="$tmp/engine/data" --exec-root="$tmp/engine/exec" \
    --pidfile="$tmp/engine/pid" --host="unix://$tmp/engine/socket" \
    --bridge=none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false --userland-proxy=false \
    >"$tmp/engine.log" 2>&1 &
  own_engine=$!
  export DOCKER_HOST=unix://$tmp/engine/socket
  local i
  for i in $(seq 100); do
    if docker version >/dev/null 2>&1; then
      say "started an engine: $(docker version --format '{{.Server.Version}}'), $driver"
      return
    fi
    kill -0 "$own_engine" 2>/dev/null || break
    sleep 0.3
  done
  cannot "dockerd did not start: $(tail -n 1 "$tmp/engine.log")"
}

# end_engine takes away what was made in an engine, and ends it if it is ours.
end_engine() {
  if [ -z "$own_engine" ]; then
    [ -z "$view" ] || docker rm --force "$view" >/dev/null 2>&1
    [ ${#made[@]} = 0 ] || docker rmi --force "${made[@]}" >/dev/null 2>&1
    return
  fi
  docker ps --all --quiet | xargs --no-run-if-empty docker rm --force >/dev/null 2>&1
  kill "$own_engine" 2>/dev/null
  wait "$own_engine" 2>/dev/null
  # It leaves the network of its containers mounted.
  awk -v below="$tmp/" 'index($2, below) == 1 { print $2 }' /proc/self/mounts | sort -r | xargs --no-run-if-empty umount
}

# storage_driver finds out whether layers can lie over each other here. Otherwise
# each layer is a copy of all below it.
storage_driver() {
  local d=$tmp/overlay
  mkdir -p "$d"/{lower,upper,work,merged}
  if mount -t overlay overlay -o "lowerdir=$d/lower,upperdir=$d/upper,workdir=$d/work" "$d/merged" 2>/dev/null; then
    umount "$d/merged"
    echo overlay2
  else
    echo vfs
  fi
}

# packages installs Debian packages whose program is missing; each argument is
# PROGRAM:PACKAGE. Services are not started.
packages() {
  local pair missing=()
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || cannot "${missing[*]} are not here, and this is not Debian"
  say "installing ${missing[*]}"
  quiet apt-get update
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive quiet apt-get install -y --no-install-recommends "${missing[@]}"
}
