import { argv, env, exit } from "node:process";
import { homedir } from "node:os";
import { parseDigest } from "../core/oci/digest.ts";
import { parseReference } from "../core/oci/reference.ts";
import type { PlannedRelease, Variant } from "../core/plan/plan.ts";
import { confirmVariant } from "../core/publish/confirm.ts";
import { moveTags, putIndexes, stitchRelease } from "../core/publish/release.ts";
import { openRegistry } from "../core/registry/client.ts";
import { parsePlatform, type Platform } from "../platforms/platform.ts";

/**
 * The product's own confirm, stitch and release, as a process of their own: `TAG PLATFORM=DIGEST...`. There is no command
 * for it yet; the bench needs one to be compared with `docker buildx imagetools create`.
 */
async function main(tag: string, children: readonly string[]): Promise<boolean> {
  const reference = parseReference(tag);
  if (!reference.ok || reference.value.tag === undefined) return false;
  const { registry: host, path } = reference.value;
  const repository = { registry: host, path };
  const registry = openRegistry({ env, home: homedir(), userAgent: "buildx-plan-bench", access: "write" });
  const confirmed = await Promise.all(
    children.map(async (child) => {
      const [text = "", digestText = ""] = child.split("=");
      const platform = parsePlatform(text);
      const digest = parseDigest(digestText);
      if (!platform.ok || digest === undefined) return undefined;
      const variant = { variant: text, platform: platform.value, repository, digest, annotations: {} };
      const read = await confirmVariant(registry, variant);
      return read.ok ? read.value : undefined;
    }),
  );
  const manifests = confirmed.filter((each) => each !== undefined);
  const release: PlannedRelease = {
    name: "app",
    image: "app",
    cell: {},
    variants: manifests.map(({ variant, platform }) => plannedVariant(variant, platform)),
    omitted: [],
    tags: [{ ...repository, tag: reference.value.tag }],
    repositories: [repository],
    indexAnnotations: {},
    location: { file: { path: "", text: "" }, range: { start: 0, end: 0 } },
  };
  const index = stitchRelease(release, manifests);
  if (!index.ok) return false;
  const released = [{ release, index: index.value, manifests }];
  const publishing = { registry, onEvent: () => {}, signal: new AbortController().signal, now: Date.now };
  const put = await putIndexes(released, publishing);
  const moved = put.ok && (await moveTags(released, publishing)).ok;
  await registry.close();
  return moved && manifests.length === children.length;
}

/** What the gate looks at; nothing is built here. */
function plannedVariant(id: string, platform: Platform): Variant {
  return {
    id,
    release: "app",
    platform,
    emulation: "allow",
    required: true,
    location: { file: { path: "", text: "" }, range: { start: 0, end: 0 } },
    build: {
      context: { kind: "local", path: "" },
      dockerfile: "",
      args: {},
      contexts: {},
      labels: {},
      annotations: { manifest: {}, manifestDescriptor: {} },
      secrets: [],
      ssh: [],
      cacheFrom: [],
      cacheTo: [],
      attest: {},
      noCache: false,
      pull: false,
      repositories: [],
      image: {},
      outputs: [],
    },
  };
}

const [tag = "", ...children] = argv.slice(2);
exit((await main(tag, children)) ? 0 : 1);
