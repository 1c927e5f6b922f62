# shellcheck shell=bash disable=SC2034,SC2154
# Workflows that use the action from a copy of the repository.

copy=$tmp/copy

# copy_repository copies what git would commit, into a repository of its own.
copy_repository() {
  mkdir -p "$copy"
  git ls-files -z --cached --others --exclude-standard |
    while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
    tar --create --null --no-recursion --files-from=- | tar --extract --directory "$copy"
  git -C "$copy" init --quiet --initial-branch=main
  git -C "$copy" add --all
  git -C "$copy" -c user.name=frame -c user.email=frame@localhost -c commit.gpgsign=false commit --quiet --message "A copy"
}

# prepare_host brings act, builds the sandbox, and installs the project's packages,
# so that nothing in a container needs the network.
prepare_host() (
  set -ex
  (cd "$copy" && go build -o "$tmp/bin/sandbox" ./cmd/sandbox)
  cd "$copy/testdata/projects/tminus"
  # The image's pnpm changes itself into that version, which it finds here.
  local manager tools
  manager=$(node -p 'require("./package.json").packageManager.split("+")[0]')
  npx --yes "$manager" install --frozen-lockfile
  tools=$copy/.frame/pnpm/.tools/pnpm/${manager#*@}
  npm install --silent --prefix "$tools" "$manager"
  ln -s node_modules/.bin "$tools/bin"
  cd "$tmp"
  GOBIN=$tmp/bin go install "github.com/nektos/act@$act_version"
)

# start_sandbox starts the platforms, and puts what workflows need to reach them
# into files for act.
start_sandbox() {
  timeout --kill-after=20 300 "$tmp/bin/sandbox" serve --project "$copy/testdata/projects/tminus" >"$tmp/reach.json" 2>"$tmp/sandbox.log" &
  sandbox=$!
  started+=("$sandbox")
  local i
  for i in $(seq 300); do
    grep -q '}' "$tmp/reach.json" && break
    kill -0 "$sandbox" 2>/dev/null || { cat "$tmp/sandbox.log"; fail "the sandbox ended"; }
    sleep 0.2
  done
  node "$root/.ci/frame.d/reach.mjs" "$tmp/reach.json" "$copy/.frame" "$tmp" || fail "the sandbox could not be read"
  git -C "$copy" remote remove origin 2>/dev/null || true
  git -C "$copy" remote add origin "https://github.com/$(cat "$tmp/repository").git"
}

end_sandbox() {
  kill "$sandbox"
  wait "$sandbox" || true
}

# run_workflow runs testdata/frame/NAME.yml and judges how it ended.
run_workflow() {
  local code=0 at=$SECONDS
  made+=(act-dockeraction)
  start_sandbox
  rm -rf "$copy/.frame/noticed" "$copy/.frame/went-on"
  # act keeps settings and caches in the home folder.
  during env HOME="$tmp/home" XDG_CONFIG_HOME="$tmp/home" XDG_CACHE_HOME="$tmp/home" \
    timeout --kill-after=20 240 "$tmp/bin/act" push --directory "$copy" \
    --workflows "$copy/testdata/frame/$1.yml" --eventpath "$tmp/event.json" --platform "ubuntu-latest=$job_image" \
    --pull=false --action-offline-mode --no-cache-server --bind --rm --network host --container-daemon-socket - \
    --env-file "$tmp/env" --secret-file "$tmp/secrets" \
    >"$tmp/$1.log" 2>&1 || code=$?
  show "$tmp/$1.log"
  case $1 in
    passes) [ "$code" = 0 ] || fail "the workflow exited with $code" ;;
    fails)
      [ "$code" = 1 ] || fail "the workflow exited with $code, not with 1"
      [ -e "$copy/.frame/noticed" ] || fail "the step for failures did not run"
      [ ! -e "$copy/.frame/went-on" ] || fail "a step ran behind the closed gate"
      ;;
  esac
  [ "$(grep -c 'set-output:: verdict=' "$tmp/$1.log")" = 1 ] || fail "the post part of the action promoted again"
  node .ci/frame.d/checkruns.mjs "$tmp/reach.json" "$1" || fail "the check runs are not as they should be"
  end_sandbox
  say "$1: as it should, in $((SECONDS - at)) s"
}

# show prints a log of act without what it says of containers and the summary.
show() { grep -E '^(\[|Error)' "$1" | grep -vE '🐳|☁|⚙' | tail -n "${FRAME_LINES:-70}"; }
