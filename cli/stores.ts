import type { Inspected } from "../core/images/inspect.ts";
import { createLayout, type NewLayout } from "../core/layout/create.ts";
import { openLayout, type Layout } from "../core/layout/open.ts";
import type { Digest } from "../core/oci/digest.ts";
import type { LayoutFailure } from "../core/oci/layout-failure.ts";
import {
  LAYOUT_SCHEME,
  parseLayoutReference,
  type LayoutReferenceInvalid,
} from "../core/oci/layout-reference.ts";
import { parseReference, type ReferenceInvalid } from "../core/oci/reference.ts";
import type { RegistrySettings } from "../core/plan/plan.ts";
import { openRegistry } from "../core/registry/client.ts";
import type { Registry } from "../core/registry/registry.ts";
import type { Store } from "../core/registry/store.ts";
import { fail, ok, type Result } from "../core/result.ts";
import { reportRegistryWarnings } from "./report.ts";
import type { Shell } from "./shell.ts";

/** A store, and what a text said of it: neither tag nor digest means that it said neither. */
export interface NamedStore {
  readonly store: Store;
  /** What output names it by, without tag and digest. */
  readonly name: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

/** What a text leads to, `latest` where it names neither tag nor digest. */
export function inspectedOf({ store, name, tag, digest }: NamedStore): Inspected {
  const reference = digest ?? tag ?? "latest";
  return { store, reference, name: `${name}${digest === undefined ? ":" : "@"}${reference}` };
}

/** Why a text names no store that could be opened. */
export type StoreUnopened = ReferenceInvalid | LayoutReferenceInvalid | LayoutFailure;

/** The stores of one command: `oci-layout://PATH[:TAG][@DIGEST]`, and references to registries. */
export interface Stores {
  readonly registry: Registry;
  /** Opens what is there. */
  source(text: string): Promise<Result<NamedStore, StoreUnopened>>;
  /** Opens what is to be written; a layout is made where none is, and put in its place by `finish`. */
  target(text: string): Promise<Result<NamedStore, StoreUnopened>>;
  /** Puts the layouts that were written in their places. */
  finish(): Promise<Result<void, LayoutFailure>>;
  /** Leaves nothing open, and no trace of layouts that were not finished. */
  close(): Promise<void>;
}

/** Begins without asking or opening anything. */
export function openStores(
  shell: Shell,
  access: "read" | "write",
  registries: readonly RegistrySettings[],
): Stores {
  const { env, home, version } = shell;
  const registry = openRegistry({ env, home, userAgent: `buildx-plan/${version}`, access, registries });
  const opened: Layout[] = [];
  const made = new Map<string, NewLayout>();
  return {
    registry,
    source: async (text) => {
      const named = readName(text);
      if (!named.ok || named.value.kind === "registry") return inRegistry(named, registry);
      const layout = await openLayout(named.value.path);
      if (!layout.ok) return layout;
      opened.push(layout.value);
      return ok({ store: layout.value.store, ...nameOf(named.value) });
    },
    target: async (text) => {
      const named = readName(text);
      if (!named.ok || named.value.kind === "registry") return inRegistry(named, registry);
      const { path } = named.value;
      const layout = made.get(path) ?? (await makeLayout(path));
      if ("ok" in layout) return layout;
      made.set(path, layout);
      return ok({ store: layout.store, ...nameOf(named.value) });
    },
    finish: async () => {
      for (const layout of made.values()) {
        const finished = await layout.finish();
        if (!finished.ok) return finished;
      }
      return ok(undefined);
    },
    close: async () => {
      await Promise.all([...made.values()].map((layout) => layout.discard()));
      await Promise.all(opened.map((layout) => layout.close()));
      reportRegistryWarnings(registry, shell);
      await registry.close();
    },
  };
}

/** Where a text leads, before anything is opened. */
export type StoreName = { readonly tag?: string; readonly digest?: Digest } & (
  | { readonly kind: "registry"; readonly registry: string; readonly path: string }
  | { readonly kind: "layout"; readonly path: string }
);

/** Reads a text; a tag that it does not name is not filled in. */
export function readName(text: string): Result<StoreName, ReferenceInvalid | LayoutReferenceInvalid> {
  if (!text.startsWith(LAYOUT_SCHEME)) {
    const reference = parseReference(text);
    return reference.ok ? ok({ kind: "registry", ...reference.value }) : reference;
  }
  const layout = parseLayoutReference(text);
  if (!layout.ok) return layout;
  const { path, tag, digest } = layout.value;
  const isNamed = tag !== undefined && (tag !== "latest" || /:latest(@|$)/.test(text));
  return ok({
    kind: "layout",
    path,
    ...(isNamed ? { tag } : {}),
    ...(digest === undefined ? {} : { digest }),
  });
}

async function makeLayout(path: string): Promise<NewLayout | Result<never, LayoutFailure>> {
  const layout = await createLayout(path, { kind: path.endsWith(".tar") ? "tar" : "folder" });
  return layout.ok ? layout.value : fail(layout.error);
}

function inRegistry(
  named: Result<StoreName, ReferenceInvalid | LayoutReferenceInvalid>,
  registry: Registry,
): Result<NamedStore, StoreUnopened> {
  if (!named.ok) return named;
  if (named.value.kind !== "registry") throw new Error("Internal error: a layout taken for a repository");
  const { registry: host, path } = named.value;
  return ok({ store: registry.store({ registry: host, path }), ...nameOf(named.value) });
}

function nameOf(named: StoreName): Omit<NamedStore, "store"> {
  const { tag, digest } = named;
  const name = named.kind === "layout" ? `${LAYOUT_SCHEME}${named.path}` : `${named.registry}/${named.path}`;
  return { name, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}
