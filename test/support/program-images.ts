import { gunzipSync } from "node:zlib";
import { digestOf } from "../../core/oci/digest-of.ts";
import { elfFile } from "./elf-file.ts";
import { makeDocument, OCI, type TestImage } from "./images.ts";
import { tarball } from "./tarball.ts";

/** e_machine of ELF by architecture. */
const MACHINES = { amd64: 62, arm64: 183, s390x: 22, ppc64le: 21, riscv64: 243 } as const;

export type ElfArchitecture = keyof typeof MACHINES;

/** A statically linked program that runs nowhere, with so many bytes of code. */
export function elfProgram(architecture: ElfArchitecture, code = 0): Uint8Array {
  const data = architecture === "s390x" ? "big" : "little";
  const flags = architecture === "ppc64le" ? 2 : architecture === "riscv64" ? 5 : 0;
  return elfFile({ machine: MACHINES[architecture], data, flags, code });
}

/** A layer with these files, all executable. */
export function layerOf(files: Readonly<Record<string, string | Uint8Array>>): Buffer {
  return tarball(Object.entries(files).map(([name, content]) => ({ name, content })));
}

/** An image for linux whose config is right about its layers; `config` is what a container runs. */
export function programImage(
  architecture: string,
  layers: readonly Buffer[],
  config: Readonly<Record<string, unknown>> = { Entrypoint: ["/server"] },
): TestImage {
  const document = {
    os: "linux",
    architecture,
    config,
    rootfs: { type: "layers", diff_ids: layers.map((layer) => digestOf(gunzipSync(layer))) },
  };
  const bytes = Buffer.from(JSON.stringify(document));
  const manifest = makeDocument({
    schemaVersion: 2,
    mediaType: OCI.manifest,
    config: { mediaType: OCI.config, digest: digestOf(bytes), size: bytes.length },
    layers: layers.map((layer) => ({ mediaType: OCI.layer, digest: digestOf(layer), size: layer.length })),
  });
  return { config: bytes, layers, manifest };
}
