# shellcheck shell=bash disable=SC2034,SC2154
# Base images and ours.

# base_images sees to it that the engine has what the Dockerfile starts from: from
# a registry, or made here.
base_images() {
  local go_image node_image
  go_image=$(default GO_IMAGE) node_image=$(default NODE_IMAGE)
  if registry_answers; then
    local image
    for image in "$go_image" "$node_image" "$job_image"; do
      quiet docker pull "$image"
    done
    say "pulled $go_image, $node_image and $job_image"
    return
  fi
  say "no registry can be reached: making stand-ins"
  packages debootstrap:debootstrap
  node_tree &
  local node=$!
  go_tree &
  local go=$!
  debian_tree
  wait "$node" || fail "Node.js could not be brought"
  wait "$go" || fail "Go could not be brought"
  made+=("$job_image" "$node_image" "$go_image")
  tar --create --file=- --directory="$tmp/debian" . | docker import - "$job_image" >/dev/null
  printf 'FROM %s\nCOPY . /\n' "$job_image" | stand_in "$node_image" "$tmp/node"
  stand_in "$go_image" "$tmp/go" <<END
FROM $job_image
ENV PATH=/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ENV GOPATH=/go GOTOOLCHAIN=local GOPROXY=off
COPY . /
END
  rm -rf "$tmp/debian" "$tmp/node" "$tmp/go"
}

# stand_in makes an image of a tree with a Dockerfile from standard input.
stand_in() {
  cat >"$2.Dockerfile"
  DOCKER_BUILDKIT=0 quiet docker build --file "$2.Dockerfile" --tag "$1" "$2"
  say "$1 stands in, $(size "$1")"
}

# registry_answers tells whether images can be pulled.
registry_answers() {
  [ "${FRAME_REGISTRY:-}" != none ] || return 1
  local code
  code=$(curl --silent --max-time 10 --output /dev/null --write-out '%{http_code}' https://registry-1.docker.io/v2/ 2>/dev/null) || return 1
  [ "$code" = 401 ] || [ "$code" = 200 ]
}

# debian_tree makes a small Debian with git, whose apt asks nobody.
debian_tree() {
  local d=$tmp/debian mirror
  mirror=$(apt_mirror)
  quiet debootstrap --variant=minbase --include=ca-certificates,git bookworm "$d" $mirror
  rm -rf "$d"/var/cache/apt/* "$d"/var/lib/apt/lists/* "$d"/usr/share/{doc,locale,man,info}/* "$d"/etc/apt/sources.list
  mkdir -p "$d/etc/apt/sources.list.d" "$d/var/cache/apt/archives/partial" "$d/var/lib/apt/lists/partial"
  # The network of this machine may have an authority of its own.
  cp -L /etc/ssl/certs/ca-certificates.crt "$d/etc/ssl/certs/ca-certificates.crt"
}

# apt_mirror is where this machine's own packages come from, empty if that is not
# plain to see.
apt_mirror() {
  apt-get indextargets --format '$(SITE) $(REPO_URI) $(RELEASE)' 'Created-By: Packages' 2>/dev/null |
    awk '$2 ~ /\/debian\/?$/ && $3 == "bookworm" { print $2; exit }'
}

# node_tree brings Node.js and npm from the registry of packages, and what the
# Dockerfile installs with them, so that npm asks nobody.
node_tree() (
  set -e
  exec >"$tmp/node.log" 2>&1
  trap 'code=$?; [ $code = 0 ] || tail -n 40 "$tmp/node.log" >&3; exit $code' EXIT
  major=$(default NODE_IMAGE | sed 's/^node:\([0-9]*\).*/\1/')
  arch=$(node -p process.arch)
  d=$tmp/node/usr/local
  mkdir -p "$d"/{bin,etc,lib/node_modules/npm} "$tmp/packed"
  cd "$tmp/packed"
  version=$(npm view "node@$major" version --json | node -p 'const all = JSON.parse(require("fs").readFileSync(0)); [all].flat().sort((a, b) => a.localeCompare(b, "en", {numeric: true})).pop()')
  npm pack --silent "node-linux-$arch@$version" npm@10
  tar -xzf node-linux-*.tgz --strip-components=1 -C "$d" package/bin/node
  tar -xzf npm-*.tgz --strip-components=1 -C "$d/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$d/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$d/bin/npx"
  npm cache add --cache "$tmp/node/root/.npm" "pnpm@$(cd "$root" && default PNPM)" "corepack@$(cd "$root" && default COREPACK)"
  printf 'offline=true\nregistry=%s\n' "$(npm config get registry 2>/dev/null)" >"$d/etc/npmrc"
) 3>&2

# go_tree takes this machine's Go and the modules that go.mod names, so that go
# asks nobody.
go_tree() (
  set -e
  d=$tmp/go
  mkdir -p "$d/usr/local/go" "$d/go/pkg/mod/cache"
  tar -C "$(go env GOROOT)" --exclude=./api --exclude=./doc --exclude=./test --exclude=./misc --exclude='*_test.go' --exclude=testdata -cf - . |
    tar -C "$d/usr/local/go" -xf -
  export GOMODCACHE=$tmp/modules GOFLAGS=-modcacherw
  GOPROXY="file://$(GOMODCACHE='' go env GOMODCACHE)/cache/download,$(go env GOPROXY)" go mod download
  mv "$tmp/modules/cache/download" "$d/go/pkg/mod/cache/download"
  rm -rf "$tmp/modules"
)

# build_image builds a stage of the Dockerfile as frame-STAGE. It is done in the
# copy and with the engine's own builder, as act will do it, which then finds
# everything done.
build_image() {
  local at=$SECONDS
  made+=("frame-$1")
  DOCKER_BUILDKIT=0 quiet timeout 420 docker build --target "$1" --tag "frame-$1" "$copy"
  say "$1: $(size "frame-$1"), built in $((SECONDS - at)) s"
}

# size is that of an image in MB.
size() { docker image inspect --format '{{.Size}}' "$1" | awk '{ printf "%.1f MB", $1 / 1e6 }'; }

# measure prints how long an image takes to start and to do next to nothing.
measure() {
  local i at times=()
  for i in 1 2 3 4 5 6 7; do
    at=$(date +%s%N)
    docker run --rm --network none "frame-$1" "${@:2}" >/dev/null
    times+=($((($(date +%s%N) - at) / 1000000)))
  done
  say "$1: $(printf '%s\n' "${times[@]}" | sort -n | sed -n 4p) ms from docker run to its end, median of ${#times[@]}: ${times[*]}"
}
