// Stands for a binding that has no counterpart here: any use of it throws a
// sentence that says so.
export default function ({ what }) {
	return new Proxy({}, {
		get(target, property) {
			// asked by the language and by Node's process.env, not by the Worker
			if (property === "then" || property === "toJSON" || typeof property === "symbol" || property in target) return target[property];
			return () => {
				throw new Error(what);
			};
		},
	});
}
