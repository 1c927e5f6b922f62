// Puts what the sandbox prints where act and our own workflow read it: variables,
// secrets, and the event. Secrets go into a file that only its owner can read. A
// fourth argument is the address at which containers see this machine.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";

const [from, workspace, to, address = "127.0.0.1"] = process.argv.slice(2);
const reach = JSON.parse(readFileSync(from, "utf8").replaceAll("127.0.0.1", address));
for (const key of ["cloudflare_api_base_url", "account_id", "api_token", "resolve", "ca_file", "github_api_url", "github_token", "github_repository", "github_sha"]) {
  if (!reach[key]) {
    console.error(`frame: the sandbox does not say ${key}`);
    process.exit(1);
  }
}
const lines = (pairs) => Object.entries(pairs).map(([name, value]) => `${name}=${value}\n`).join("");

mkdirSync(workspace, { recursive: true });
copyFileSync(reach.ca_file, join(workspace, "ca.pem"));
writeFileSync(join(to, "env"), lines({
  GITHUB_API_URL: reach.github_api_url,
  CLOUDFLARE_API_BASE_URL: reach.cloudflare_api_base_url,
  CLOUDFLARE_ACCOUNT_ID: reach.account_id,
  RESOLVE: reach.resolve.join(","),
}));
const made = ["JWT_SECRET", "MASTER_KEY", "GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET", "MS_CLIENT_ID", "MS_CLIENT_SECRET"];
writeFileSync(join(to, "secrets"), lines({
  GITHUB_TOKEN: reach.github_token,
  CLOUDFLARE_API_TOKEN: reach.api_token,
  ...Object.fromEntries(made.map((name) => [name, randomBytes(32).toString("base64")])),
}), { mode: 0o600 });
writeFileSync(join(to, "repository"), reach.github_repository);
// act takes the commit of a push from its event.
writeFileSync(join(to, "event.json"), JSON.stringify({ ref: "refs/heads/main", after: reach.github_sha, deleted: false }));
