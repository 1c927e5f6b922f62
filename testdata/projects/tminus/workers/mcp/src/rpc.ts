import { bearer } from "@tminus/auth";
import { readJson } from "@tminus/shared";
import type { Env } from "./env";
import instructions from "./instructions.md";
import { callTool } from "./tools";
import tools from "./tools.json";

// The small part of the Model Context Protocol that a tool server needs:
// JSON-RPC 2.0, one request per POST, no streams.

const protocolVersion = "2025-06-18";

/** An error in JSON-RPC's own numbers. */
export class RpcError extends Error {
  constructor(
    readonly code: -32600 | -32601 | -32602,
    message: string,
  ) {
    super(message);
  }
}

export async function answer(request: Request, env: Env): Promise<Response> {
  const { jsonrpc, id, method, params } = await readJson(request);
  if (id === undefined) {
    return new Response(null, { status: 202 }); // a notification wants no answer
  }
  try {
    if (jsonrpc !== "2.0" || typeof method !== "string") {
      throw new RpcError(-32600, "not a JSON-RPC 2.0 request");
    }
    const result = await dispatch(method, (params ?? {}) as Record<string, unknown>, bearer(request), env);
    return Response.json({ jsonrpc: "2.0", id, result });
  } catch (error) {
    if (error instanceof RpcError) {
      return Response.json({ jsonrpc: "2.0", id, error: { code: error.code, message: error.message } });
    }
    throw error;
  }
}

async function dispatch(method: string, params: Record<string, unknown>, token: string | null, env: Env) {
  switch (method) {
    case "initialize":
      return {
        protocolVersion,
        capabilities: { tools: {} },
        serverInfo: { name: "tminus-mcp", version: env.CF_VERSION_METADATA?.id || "unknown" },
        instructions,
      };
    case "ping":
      return {};
    case "tools/list":
      return { tools };
    case "tools/call":
      return callTool(params, token, env);
    default:
      throw new RpcError(-32601, `no method ${method}`);
  }
}
