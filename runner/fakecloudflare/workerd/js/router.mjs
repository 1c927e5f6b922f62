// The first Worker of the fleet: every request comes here and is passed to the
// Worker that a header names, under the address another header gives.
const crash = () => new Response("error code: 1101", { status: 500, headers: { "content-type": "text/plain; charset=UTF-8" } });

function body(message) {
	const bytes = Uint8Array.from(atob(message.body), (c) => c.charCodeAt(0));
	const { id, attempts } = message;
	const timestamp = new Date(message.timestamp);
	switch (message.contentType) {
		case "text":
			return { id, attempts, timestamp, body: new TextDecoder().decode(bytes) };
		case "json":
			return { id, attempts, timestamp, body: JSON.parse(new TextDecoder().decode(bytes)) };
		case "bytes":
			return { id, attempts, timestamp, body: bytes.buffer };
		default:
			return { id, attempts, timestamp, serializedBody: bytes };
	}
}

export default {
	async fetch(request, env) {
		const headers = new Headers(request.headers);
		const take = (name) => {
			const value = headers.get(name);
			headers.delete(name);
			return value;
		};
		const worker = env[take("x-fake-worker")];
		const what = take("x-fake-event");
		const url = take("x-fake-url");
		try {
			if (what === "queue") {
				const batch = await request.json();
				return Response.json(await worker.queue(batch.queue, batch.messages.map(body)));
			}
			if (what === "scheduled") {
				return Response.json(await worker.scheduled({ cron: url, scheduledTime: new Date() }));
			}
			return await worker.fetch(new Request(url, {
				method: request.method, headers, body: request.body, redirect: "manual",
				cf: { colo: "AMS", country: "NL", city: "Amsterdam", continent: "EU", timezone: "Europe/Amsterdam", asn: 13335, asOrganization: "Fake", httpProtocol: "HTTP/1.1", tlsVersion: "TLSv1.3" },
			}));
		} catch (error) {
			console.error(error);
			return crash();
		}
	},
};
