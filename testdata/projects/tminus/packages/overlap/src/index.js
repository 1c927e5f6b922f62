import module from "../dist/overlap.wasm";

const { overlap: run } = new WebAssembly.Instance(module).exports;

export function overlap(a, b) {
  return run(a.from, a.to, b.from, b.to);
}
