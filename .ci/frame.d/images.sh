# shellcheck shell=bash disable=SC2034,SC2154
# Base images and ours.

view= # a container that sees the copy

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
  # The real image has a yarn, which is in corepack's way.
  ln -s /opt/yarn/bin/yarn "$d/bin/yarn"
  npm cache add --cache "$tmp/node/root/.npm" "pnpm@$(cd "$root" && default PNPM)" "corepack@$(cd "$root" && default COREPACK)"
  printf 'offline=true\nregistry=%s\n' "$(npm config get registry 2>/dev/null)" >"$d/etc/npmrc"
) 3>&2

# go_tree takes this machine's Go and the modules that go.mod names, so that go
# asks nobody.
go_tree() (
  set -e
  d=$tmp/go
  mkdir -p "$d/usr/local/go" "$d/go/pkg/mod"
  tar -C "$(go env GOROOT)" --exclude=./api --exclude=./doc --exclude=./test --exclude=./misc --exclude='*_test.go' --exclude=testdata -cf - . |
    tar -C "$d/usr/local/go" -xf -
  # Zips of what go.mod names, and all that was ever read of other modules' go.mod.
  go mod download -json | node -e '
    for (const one of require("fs").readFileSync(0, "utf8").split(/^}$/m).slice(0, -1)) {
      const zip = JSON.parse(one + "}").Zip;
      if (zip) console.log(zip + "\n" + zip + "hash");
    }' | sed "s|^$(go env GOMODCACHE)/||" >"$tmp/modules"
  (cd "$(go env GOMODCACHE)" && find cache/download -name '*.mod' -o -name '*.info') >>"$tmp/modules"
  tar -C "$(go env GOMODCACHE)" --files-from="$tmp/modules" -cf - | tar -C "$d/go/pkg/mod" -xf -
)

# build_image builds a stage of the Dockerfile as frame-STAGE, with the engine's own
# builder and from the files as a container sees them. act will do the same, and
# find it done.
build_image() {
  local at=$SECONDS
  made+=("frame-$1")
  if [ -z "$view" ]; then view=$(docker create --volume "$copy:$copy" "$job_image" true 2>/dev/null); fi
  DOCKER_BUILDKIT=0 quiet build_from_view "$1"
  say "$1: $(size "frame-$1"), built in $((SECONDS - at)) s"
}

build_from_view() {
  local command=deploy-action
  [ "$1" != webhook ] || command=rollback-webhook
  docker cp "$view:$copy/." - | timeout 600 docker build --target "$1" --build-arg "COMMAND=$command" --tag "frame-$1" -
}

# try_webhook runs the server's image as it is meant to run: as nobody in particular,
# with a file system that it cannot write to, and refusing what is not configured.
try_webhook() {
  local code=0
  docker run --rm --network none --read-only --tmpfs /data frame-webhook --check-config >"$tmp/webhook.log" 2>&1 || code=$?
  [ "$code" = 2 ] || { cat "$tmp/webhook.log"; fail "the server did not refuse an empty configuration"; }
  grep -q WEBHOOK_SECRET "$tmp/webhook.log" || fail "the server did not say what is missing"
  [ "$(docker image inspect --format '{{.Config.User}}' frame-webhook)" = 65532:65532 ] || fail "the server would run as root"
  say "webhook: refuses an empty configuration, and runs as 65532"
}

# check_context looks at what the Docker client sends of a working copy to be built.
check_context() {
  made+=(frame-context)
  mkdir -p "$copy/node_modules/nothing"
  printf 'FROM scratch\nCOPY . /\n' >"$tmp/context.Dockerfile"
  DOCKER_BUILDKIT=0 quiet docker build --file "$tmp/context.Dockerfile" --tag frame-context "$copy"
  rmdir "$copy/node_modules/nothing" "$copy/node_modules"
  local odd
  odd=$(docker create frame-context none 2>/dev/null | tee "$tmp/context.id" | xargs -I{} docker export {} | tar --list |
    grep -E '(^|/)(node_modules|testdata|\.git|[^/]*_test\.go)(/|$)' || true)
  docker rm "$(cat "$tmp/context.id")" >/dev/null
  [ -z "$odd" ] || fail ".dockerignore lets through: $(printf '%s' "$odd" | head -n 3)"
  say "context: $(size frame-context)"
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
