// Stands for a binding that has no counterpart here: any use of it throws a
// sentence that says so.
export default function ({ what }) {
	return new Proxy({}, {
		get(_, property) {
			if (property === "then" || typeof property === "symbol") return undefined;
			return () => {
				throw new Error(what);
			};
		},
	});
}
