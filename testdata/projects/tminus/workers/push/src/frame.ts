import { Buffer } from "node:buffer";
import header from "./frame.bin";

/** What a device receives: the header line that names the format, then the notice. */
export function frame(notice: { id: string; text: string; ttlSeconds: number }): string {
  return Buffer.concat([Buffer.from(header), Buffer.from(JSON.stringify(notice))]).toString("base64");
}
