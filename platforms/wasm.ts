import { fieldsOf } from "./byte-ranges.ts";
import type { Inspection } from "./byte-ranges.ts";
import { cpusOf } from "./fit.ts";
import type { Fit } from "./fit.ts";
import type { Platform } from "./platform.ts";

export interface WasmProgram {
  readonly format: "wasm";
  readonly component: boolean;
}

/**
 * Tells modules from components by the version and layer that follow the magic number.
 * @see https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md
 */
export function* inspectWasm(): Inspection<WasmProgram> {
  const bytes = yield { at: 0, length: 8 };
  if (bytes === undefined) return undefined;
  const { u16 } = fieldsOf(bytes, "little");
  const [version, layer] = [u16(4), u16(6)];
  if (layer === 1) return { format: "wasm", component: true };
  return layer === 0 && version === 1 ? { format: "wasm", component: false } : undefined;
}

/** Every system has a runtime for it, but only for `wasi/wasm` and its like is it what a container starts by itself. */
export function wasmFit(platform: Platform): Fit {
  return cpusOf(platform)[0].architecture.startsWith("wasm") ? "native" : "portable";
}
