// Stands in for @tminus/shared/log in this Worker, by the alias in
// wrangler.toml: a busy queue would pay for a line per message, so what went
// well is logged one time in twenty.

const oneIn = 20;
let count = 0;

export function log(event: string, fields: Record<string, unknown> = {}): void {
  if (event === "sync.retry" || count++ % oneIn === 0) {
    console.log(JSON.stringify({ event, ...fields, oneIn }));
  }
}
