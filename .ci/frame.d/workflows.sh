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
  (cd "$copy" && go build -o "$tmp/bin/" ./cmd/sandbox ./cmd/deploy-action)
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
  act push "$copy/testdata/frame/$1.yml" --eventpath "$tmp/event.json" >"$tmp/$1.log" 2>&1 || code=$?
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

# act runs the workflows of a file for an event. It keeps settings and caches in the
# home folder.
act() {
  local event=$1 file=$2
  shift 2
  during env HOME="$tmp/home" XDG_CONFIG_HOME="$tmp/home" XDG_CACHE_HOME="$tmp/home" \
    timeout --kill-after=20 240 "$tmp/bin/act" "$event" --directory "$copy" \
    --workflows "$file" --platform "ubuntu-latest=$job_image" \
    --pull=false --action-offline-mode --no-cache-server --bind --rm --network host --container-daemon-socket - \
    --env-file "$tmp/env" --secret-file "$tmp/secrets" "$@"
}

# run_rollback runs the workflow that users copy, but for the addresses of the
# sandbox, after two releases to production.
run_rollback() {
  local at=$SECONDS file=$copy/.frame/rollback.yml project=$copy/testdata/projects/tminus first second
  start_sandbox
  sed -e 's,uses: tminus/deploy-action@v1,uses: ./,' \
    -e 's,^\( *\)command: rollback,&\n\1project: testdata/projects/tminus\n\1resolve: ${{ env.RESOLVE }}\n\1cacert: .frame/ca.pem,' \
    -e 's,vars.CLOUDFLARE_ACCOUNT_ID,env.CLOUDFLARE_ACCOUNT_ID,' \
    .github/workflows/rollback.yml >"$file"
  released >"$tmp/rollback.log" 2>&1 || { tail -n 40 "$tmp/rollback.log"; fail "the first release"; }
  first=$(served)
  printf '\n(globalThis as Record<string, unknown>)["frame"] = 1;\n' >>"$project/workers/api/src/index.ts"
  released >"$tmp/rollback.log" 2>&1 || { tail -n 40 "$tmp/rollback.log"; fail "the second release"; }
  second=$(served)
  [ "$first" != "$second" ] || fail "the second release changed nothing"
  act workflow_dispatch "$file" --input environment=production --input "reason=the frame tries it" >"$tmp/rollback.log" 2>&1 ||
    { show "$tmp/rollback.log"; fail "the rollback failed"; }
  show "$tmp/rollback.log"
  [ "$(served)" = "$first" ] || fail "production does not serve what it served before"
  end_sandbox
  say "rollback: as it should, in $((SECONDS - at)) s"
}

# on_host runs the program on this machine, against the sandbox.
on_host() (
  set -a
  # shellcheck source=/dev/null
  . "$tmp/env"
  . "$tmp/secrets"
  set +a
  "$tmp/bin/deploy-action" "$@" --project "$copy/testdata/projects/tminus"
)

# shellcheck disable=SC2046 # one flag for each host
released() { on_host promote --prod-only --skip-build --cacert "$copy/.frame/ca.pem" $(sed -n 's/^RESOLVE=//p' "$tmp/env" | tr , '\n' | sed 's/^/--resolve /'); }
served() { on_host status --env production --format json | node -e 'for (const line of require("fs").readFileSync(0, "utf8").split("\n")) { if (line) { const s = JSON.parse(line); if (s.event === "serving") console.log(s.script, s.versions.map((v) => v.version).join()); } }'; }

# show prints a log of act without what it says of containers and the summary.
show() { grep -E '^(\[|Error)' "$1" | grep -vE '🐳|☁|⚙' | tail -n "${FRAME_LINES:-70}"; }
