/** The same as log.ts for scripts in a terminal, where JSON is hard to read. */
export function log(event: string, fields: Record<string, unknown> = {}): void {
  const pairs = Object.entries(fields).map(([key, value]) => `${key}=${String(value)}`);
  console.log([event, ...pairs].join(" "));
}
