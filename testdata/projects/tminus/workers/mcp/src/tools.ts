import { noteToolCall } from "@tminus/registry/journal";
import { newId } from "@tminus/shared";
import type { Env } from "./env";
import { RpcError } from "./rpc";

interface Outcome {
  ok: boolean;
  text: string;
}

type Tool = (args: Record<string, unknown>, token: string | null, env: Env) => Promise<Outcome>;

const run: Record<string, Tool> = {
  list_events: (_, token, env) => askApi("GET", token, env),
  add_event: (args, token, env) => askApi("POST", token, env, args),
  summarize_events: async (_, token, env) => {
    const events = await askApi("GET", token, env);
    return events.ok ? summarize(events.text, env) : events;
  },
};

/** A tool that fails is an answer with isError, for the model to read; a tool that does not exist is an error. */
export async function callTool(params: Record<string, unknown>, token: string | null, env: Env) {
  const { name, arguments: args = {} } = params;
  const tool = typeof name === "string" ? run[name] : undefined;
  if (typeof name !== "string" || !tool) {
    throw new RpcError(-32602, `no tool ${String(name)}`);
  }
  const { ok, text } = await tool(args as Record<string, unknown>, token, env);
  await noteToolCall(env.DB, { id: newId("run"), tool: name, ok });
  return { content: [{ type: "text", text }], isError: !ok };
}

/** The API decides what the caller may see: we only hand on the caller's own token. */
async function askApi(method: "GET" | "POST", token: string | null, env: Env, body?: unknown): Promise<Outcome> {
  const headers = new Headers({ "content-type": "application/json" });
  if (token) {
    headers.set("authorization", `Bearer ${token}`);
  }
  const answer = await env.API.fetch("https://api/v1/events", {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { ok: answer.ok, text: await answer.text() };
}

async function summarize(events: string, env: Env): Promise<Outcome> {
  if (!env.AI) {
    return { ok: false, text: "summaries are not available here" };
  }
  const { model, words } = env.SUMMARY;
  const answer = (await env.AI.run(model as "@cf/meta/llama-3.1-8b-instruct", {
    prompt: `Summarize these calendar events in at most ${words} words:\n${events}`,
  })) as { response?: string };
  return { ok: true, text: answer.response ?? "" };
}
