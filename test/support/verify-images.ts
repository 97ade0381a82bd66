/** Images for checks of content: layers that are summed up already, so that no bytes have to be made. */
import { elfRule } from "../../platforms/elf.ts";
import { parsePlatform, type Platform } from "../../platforms/platform.ts";
import type { Program } from "../../platforms/program.ts";
import type { LayerFile, LayerMemory, LayerSummary } from "../../core/layers/layer.ts";
import { digestOf } from "../../core/oci/digest-of.ts";
import type { Descriptor } from "../../core/oci/descriptor.ts";
import type { Digest } from "../../core/oci/digest.ts";
import type { HistoryEntry, ImageConfig } from "../../core/oci/documents.ts";
import type { VerifySettings } from "../../core/plan/plan.ts";
import type { SourceFile } from "../../core/plan/source.ts";
import type { Store } from "../../core/registry/store.ts";
import { verifyImage } from "../../core/verify/verify-image.ts";
import type { ImageToVerify, VerifiedImage } from "../../core/verify/verified.ts";

/** Reads a platform that a test writes. */
export function platform(text: string): Platform {
  const parsed = parsePlatform(text);
  if (!parsed.ok) throw new Error(`${text} is no platform`);
  return parsed.value;
}

/** A static ELF program for a platform; more than that is given. */
export function elf(target: string, more: Partial<Extract<Program, { format: "elf" }>> = {}): Program {
  const rule = elfRule(platform(target));
  if (rule === undefined) throw new Error(`no programs of ${target} are ELF`);
  const { class: bits, data, machine, flags } = rule;
  const header = { class: bits, data, machine, flags: flags?.value ?? 0, osAbi: 0 };
  return { format: "elf", type: "executable", header, ...more };
}

/** A shared library. */
export function library(target: string): Program {
  return elf(target, { type: "library" });
}

/** A Windows program. */
export function pe(machine = 0x8664): Program {
  return { format: "pe", type: "executable", machine };
}

/** What stands at a path: a program; a script (`#!/bin/sh`); a symbolic link (`-> target`); `other` content; `plain` is not executable. */
export type Content = Program | string | { readonly plain: Program };

/** A layer: paths with their content, and what is removed from below. */
export interface LayerSpec {
  readonly files: Readonly<Record<string, Content>>;
  readonly whiteouts?: readonly string[];
  readonly madeBy?: string;
  /** Of the descriptor. */
  readonly mediaType?: string;
  /** Stands in for a layer whose summary is not known. */
  readonly unknown?: true;
}

export interface ImageSpec {
  readonly platform: string;
  readonly layers: readonly LayerSpec[];
  /** As the config has it, where it is another. */
  readonly labelled?: string;
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly env?: readonly string[];
  readonly workingDir?: string;
  readonly dockerfile?: string;
  readonly history?: readonly HistoryEntry[];
  readonly settings?: Partial<VerifySettings>;
}

/** An image and the memory that knows its layers. */
export function makeImage(spec: ImageSpec): {
  readonly image: ImageToVerify;
  readonly summaries: readonly LayerSummary[];
} {
  const summaries = spec.layers.map(summarize);
  const dockerfile: SourceFile | undefined =
    spec.dockerfile === undefined ? undefined : { path: "Dockerfile", text: spec.dockerfile };
  const config: ImageConfig = {
    platform: platform(spec.labelled ?? spec.platform),
    labels: {},
    diffIds: summaries.map(({ diffId }) => diffId),
    entrypoint: spec.entrypoint ?? [],
    cmd: spec.cmd ?? [],
    env: spec.env ?? [],
    workingDir: spec.workingDir ?? "",
    history:
      spec.history ??
      spec.layers.map(({ madeBy = "" }) => ({ createdBy: madeBy, emptyLayer: false, comment: "" })),
  };
  const layers = spec.layers.map(
    ({ mediaType = "application/vnd.oci.image.layer.v1.tar+gzip" }, at): Descriptor => ({
      mediaType,
      digest: summaries[at]?.digest ?? digest("none"),
      size: 1000,
    }),
  );
  return {
    image: {
      reference: "registry.example/app",
      platform: platform(spec.platform),
      manifest: digest(spec.platform),
      config,
      layers,
      ...(dockerfile === undefined ? {} : { dockerfile }),
    },
    summaries: summaries.filter((_, at) => spec.layers[at]?.unknown !== true),
  };
}

/** Looks into it, with a store that must not be asked for anything that is known. */
export async function verify(spec: ImageSpec, store: Partial<Store> = {}): Promise<VerifiedImage> {
  const { image, summaries } = makeImage(spec);
  const settings: VerifySettings = { content: "error", ignore: [], ...spec.settings };
  const world = {
    store: storeOf(store),
    memory: memoryOf(summaries),
    settings,
    signal: new AbortController().signal,
  };
  const verified = await verifyImage(image, world);
  if (!verified.ok) throw new Error(`not verified: ${JSON.stringify(verified.error)}`);
  return verified.value;
}

/** A memory of these layers, which keeps what is put. */
export function memoryOf(
  summaries: readonly LayerSummary[],
): LayerMemory & { readonly kept: Map<Digest, LayerSummary> } {
  const kept = new Map(summaries.map((summary) => [summary.digest, summary]));
  return {
    kept,
    get: async (wanted) => kept.get(wanted),
    put: async (summary) => void kept.set(summary.digest, summary),
  };
}

/** A store of which a test says what it can do; all else is a mistake of the test. */
export function storeOf(some: Partial<Store>): Store {
  const refuse = (): never => {
    throw new Error("a store that should not be asked was asked");
  };
  return {
    name: "registry.example/app",
    resolve: refuse,
    manifest: refuse,
    blob: refuse,
    openBlob: refuse,
    putBlob: refuse,
    putManifest: refuse,
    tags: refuse,
    referrers: refuse,
    delete: refuse,
    ...some,
  };
}

function summarize(spec: LayerSpec): LayerSummary {
  const id = JSON.stringify([spec.files, spec.whiteouts ?? []]);
  const entries = Object.entries(spec.files);
  return {
    digest: digest(`layer ${id}`),
    diffId: digest(`diff ${id}`),
    bytes: 1000,
    entries: entries.length,
    files: entries.flatMap(([path, content]) => fileOf(path, content) ?? []),
    links: entries.flatMap(([path, content]) =>
      typeof content === "string" && content.startsWith("-> ")
        ? [{ path, target: content.slice(3), hard: false }]
        : [],
    ),
    others: entries.flatMap(([path, content]) => (content === "other" ? [path] : [])).join("\0"),
    whiteouts: spec.whiteouts ?? [],
    opaque: [],
    oddities: [],
  };
}

function fileOf(path: string, content: Content): LayerFile | undefined {
  const about = { path, executable: true, size: 100 };
  if (typeof content !== "string") {
    const isPlain = "plain" in content;
    const program = isPlain ? content.plain : content;
    return { ...about, executable: !isPlain, content: { kind: "program", program } };
  }
  if (!content.startsWith("#!")) return undefined;
  return { ...about, content: { kind: "script", line: content.slice(2) } };
}

function digest(text: string): Digest {
  return digestOf(Buffer.from(text));
}
