// Asks the sandbox's GitHub how the check runs of the commit ended: nine, all
// completed, as the workflow's name says.
import { readFileSync } from "node:fs";

const [from, workflow] = process.argv.slice(2);
const reach = JSON.parse(readFileSync(from, "utf8"));
const answer = await fetch(`${reach.github_api_url}/repos/${reach.github_repository}/commits/${reach.github_sha}/check-runs?per_page=100`, {
  headers: { Authorization: `Bearer ${reach.github_token}`, Accept: "application/vnd.github+json" },
});
if (!answer.ok) {
  console.error(`frame: check runs: ${answer.status} ${await answer.text()}`);
  process.exit(1);
}
const runs = (await answer.json()).check_runs.sort((a, b) => a.id - b.id);
for (const run of runs) {
  console.log(`  ${run.name}: ${run.conclusion ?? run.status}, ${run.output?.annotations_count ?? 0} annotations`);
}

// The gates are nine; a broken build closes the first and blocks the others.
const gates = 9;
const wanted = workflow === "passes" ? Array(gates).fill("success") : ["failure", ...Array(gates - 1).fill("skipped")];
const got = runs.map((run) => (run.status === "completed" ? run.conclusion : run.status));
if (got.toSorted().join() !== wanted.toSorted().join()) {
  console.error(`frame: ${got.join(", ") || "none"}; want ${wanted.join(", ")}`);
  process.exit(1);
}
if (workflow === "fails" && !runs.some((run) => run.conclusion === "failure" && /build/i.test(run.name) && run.output.annotations_count > 0)) {
  console.error("frame: the failure is not the build's, or stands on no line");
  process.exit(1);
}
