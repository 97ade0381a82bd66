import { join } from "node:path";
import { openMemoryFiles, type MemoryLimits } from "../host/memory-files.ts";
import { digestOf } from "../oci/digest-of.ts";
import type { Digest } from "../oci/digest.ts";
import type { DocumentMemory, LayerMemory } from "./layer.ts";
import { packSummary, unpackSummary } from "./memory-format.ts";

/**
 * Of what summaries hold. It stands in the path, so that a version of the program that sees more in a layer never trusts what
 * an older one saw: raise it with every change of what readers find or summaries say.
 */
const FORMAT = "v1";

const MIB = 1024 * 1024;
const LAYERS: MemoryLimits = { maxBytes: 256 * MIB, maxFiles: 20_000, maxFileBytes: 32 * MIB };
const DOCUMENTS: MemoryLimits = { maxBytes: 64 * MIB, maxFiles: 20_000, maxFileBytes: 4 * MIB };

/** Opens what is remembered of layers in this folder, which need not exist. Damaged files are as good as none. */
export function openLayerMemory(folder: string, limits: Partial<MemoryLimits> = {}): LayerMemory {
  const files = openMemoryFiles(join(folder, FORMAT, "layers"), { ...LAYERS, ...limits });
  return {
    get: async (digest) => {
      const bytes = await files.read(nameOf(digest));
      const summary = bytes && (await unpackSummary(bytes));
      if (summary?.digest === digest) return summary;
      if (bytes !== undefined) await files.remove(nameOf(digest));
      return undefined;
    },
    put: async (summary) => {
      const bytes = await packSummary(summary);
      if (bytes !== undefined) await files.write(nameOf(summary.digest), bytes);
    },
  };
}

/** Opens what is remembered of manifests and configs in this folder, which need not exist. Every read is checked by its digest. */
export function openDocumentMemory(folder: string, limits: Partial<MemoryLimits> = {}): DocumentMemory {
  const files = openMemoryFiles(join(folder, FORMAT, "documents"), { ...DOCUMENTS, ...limits });
  return {
    get: async (digest) => {
      const bytes = await files.read(nameOf(digest));
      if (bytes === undefined || digestOf(bytes, digest) === digest) return bytes;
      await files.remove(nameOf(digest));
      return undefined;
    },
    put: async (digest, bytes) => await files.write(nameOf(digest), bytes),
  };
}

function nameOf(digest: Digest): string {
  return digest.replace(":", "-");
}
