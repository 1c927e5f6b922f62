// The child of package workerd: reads one command per line from stdin, answers
// with one line on stdout, and ends when stdin does, taking its directory with
// it: a parent that was killed cannot. Arguments: that directory, then the
// places to look for miniflare, in order.
import { createRequire } from "node:module";
import { realpathSync, rmSync } from "node:fs";
import path from "node:path";
import readline from "node:readline";

const [home, ...places] = process.argv.slice(2);

function findMiniflare() {
	for (const place of places) {
		const from = createRequire(path.join(place, "package.json"));
		try {
			return from("miniflare");
		} catch {}
		try {
			const wrangler = realpathSync(from.resolve("wrangler/package.json"));
			return createRequire(wrangler)("miniflare");
		} catch {}
	}
	return undefined;
}

const miniflare = findMiniflare();
if (miniflare === undefined) {
	console.log(JSON.stringify({ id: 0, error: "miniflare was not found" }));
	process.exit(1);
}
const { Miniflare, Log, LogLevel, PLUGINS } = miniflare;

// What the account adds to miniflare's configuration of workerd: bindings that
// reach back to it, by worker, and the services they reach.
let extra = { bindings: {}, services: [], extensions: [] };

function extend() {
	const { core, assets } = PLUGINS;
	const { getBindings, getServices } = core;
	core.getBindings = async (options, index) => [
		...((await getBindings.call(core, options, index)) ?? []),
		...(extra.bindings[options.name] ?? []),
	];
	core.getServices = async (options) => {
		const got = await getServices.call(core, options);
		const { services, extensions } = Array.isArray(got) ? { services: got, extensions: [] } : got;
		if (options.workerIndex !== 0) return { services, extensions };
		return { services: [...services, ...extra.services], extensions: [...extensions, ...extra.extensions] };
	};
	// miniflare gives the files of all Workers one service, whose directory is
	// that of the first; each Worker needs its own.
	const assetServices = assets.getServices;
	assets.getServices = async (options) => {
		const services = await assetServices.call(assets, options);
		const shared = "assets:storage";
		const own = `${shared}:${options.options.assets?.workerName}`;
		for (const service of services) {
			if (service.name === shared) service.name = own;
			for (const binding of service.worker?.bindings ?? []) {
				if (binding.service?.name === shared) binding.service.name = own;
			}
		}
		return services;
	};
}
extend();

let running;
let said = ""; // by workerd since the current attempt began

function listen(stream) {
	stream.on("data", (chunk) => {
		said = (said + chunk).slice(-65536);
		process.stderr.write(chunk);
	});
}

// stub stands in for a Worker that cannot start: it has the same exports, so
// that bindings to them hold, and fails whatever is asked of it.
function stub(worker, text) {
	const message = JSON.stringify(text);
	const classes = worker.exports
		.map(({ name, durable }) => `export class ${name} extends ${durable ? "DurableObject" : "WorkerEntrypoint"} { constructor(...a) { super(...a); fail(); } }`)
		.join("\n");
	const { name, assets, tails } = worker.options;
	return {
		name,
		assets,
		tails,
		modulesRoot: "/",
		modules: [{
			type: "ESModule",
			path: "/stub.mjs",
			contents: `import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
function fail() { throw new Error(${message}); }
export default { fetch: fail, queue: fail, scheduled: fail };
${classes}`,
		}],
		compatibilityDate: "2026-03-20",
	};
}

function optionsOf(command, failed) {
	return {
		host: "127.0.0.1",
		port: 0,
		cf: false,
		log: new Log(LogLevel.NONE),
		logRequests: false,
		defaultPersistRoot: path.join(home, "objects"),
		handleRuntimeStdio: (out, err) => (listen(out), listen(err)),
		workers: command.workers.map((worker) => (failed[worker.name] === undefined ? worker.options : stub(worker, failed[worker.name]))),
	};
}

// guilty finds which Worker kept the fleet from starting: workerd names the
// service on stderr, and miniflare's own checks name the Worker in the error.
function guilty(command, failed, error) {
	const text = `${said}\n${error?.message ?? ""}`;
	const known = new Set(command.workers.map((worker) => worker.name));
	for (const match of text.matchAll(/core:user:([^"\s:]+(?:@[0-9a-f-]+)?)/g)) {
		if (known.has(match[1]) && failed[match[1]] === undefined) return match[1];
	}
	return undefined;
}

async function attempt(options) {
	said = "";
	if (running === undefined) {
		running = new Miniflare(options);
		await running.ready;
	} else {
		await running.setOptions(options);
	}
	return String(await running.unsafeGetDirectURL(options.workers[0].name));
}

async function drop() {
	const old = running;
	running = undefined;
	await old?.dispose().catch(() => {}); // one that failed to start says so again
}

async function serve(command) {
	extra = { bindings: command.bindings, services: command.services, extensions: command.extensions };
	const failed = { ...command.failed };
	for (;;) {
		try {
			return { url: await attempt(optionsOf(command, failed)), failed };
		} catch (error) {
			await drop(); // after a failure an instance cannot be used again
			const name = guilty(command, failed, error);
			if (name === undefined) throw new Error(`${error?.message ?? error}\n${said}`.trim());
			failed[name] = said.trim() || error.message;
			delete extra.bindings[name];
		}
	}
}

const commands = { serve, stop: drop };

let queue = Promise.resolve();
const lines = readline.createInterface({ input: process.stdin, crlfDelay: Infinity });
lines.on("line", (line) => {
	const command = JSON.parse(line);
	queue = queue.then(async () => {
		let answer;
		try {
			answer = (await commands[command.do](command)) ?? {};
		} catch (error) {
			answer = { error: String(error?.message ?? error) };
		}
		console.log(JSON.stringify({ id: command.id, ...answer }));
	});
});
lines.on("close", () => {
	const late = setTimeout(() => process.exit(1), 5000);
	late.unref();
	queue.then(drop).finally(() => {
		rmSync(home, { recursive: true, force: true });
		process.exit(0);
	});
});
console.log(JSON.stringify({ id: 0 }));
