// Hands connections on from another address of this machine to the ports of the
// sandbox, which listens on loopback alone. It is for a job's own machine, where
// that address is the one of Docker's bridge.
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";

const [from, address] = process.argv.slice(2);
const ports = new Set([...readFileSync(from, "utf8").matchAll(/127\.0\.0\.1:(\d+)/g)].map((m) => Number(m[1])));
for (const port of ports) {
  createServer((near) => {
    const far = connect(port, "127.0.0.1");
    near.pipe(far).pipe(near);
    near.on("error", () => far.destroy());
    far.on("error", () => near.destroy());
  }).listen(port, address, () => console.log(`${address}:${port}`));
}
