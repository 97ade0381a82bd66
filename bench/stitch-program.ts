import { homedir } from "node:os";
import { argv, env, exit } from "node:process";
import { parseDigest } from "../core/oci/digest.ts";
import { parseReference } from "../core/oci/reference.ts";
import { confirmVariant } from "../core/publish/confirm.ts";
import { moveTags, putIndexes, stitchRelease } from "../core/publish/release.ts";
import { openRegistry } from "../core/registry/client.ts";
import { variant } from "../test/support/make.ts";
import { plannedRelease } from "../test/support/release.ts";

/**
 * The product's own confirm, stitch and release, as a process of their own: `TAG PLATFORM=DIGEST...`. There is no command
 * for it yet; the bench needs one to be compared with `docker buildx imagetools create`.
 */
async function main(tag: string, children: readonly string[]): Promise<boolean> {
  const reference = parseReference(tag);
  if (!reference.ok || reference.value.tag === undefined) return false;
  const repository = { registry: reference.value.registry, path: reference.value.path };
  const variants = children.map((child) => variant(child.split("=")[0] ?? ""));
  const release = plannedRelease({
    variants,
    tags: [{ ...repository, tag: reference.value.tag }],
    repositories: [repository],
  });
  const registry = openRegistry({ env, home: homedir(), userAgent: "buildx-plan-bench", access: "write" });
  const confirmed = await Promise.all(
    variants.map(async ({ id, platform }, position) => {
      const digest = parseDigest(children[position]?.split("=")[1] ?? "");
      if (digest === undefined) return undefined;
      const wanted = { variant: id, platform, digest, annotations: {} };
      const read = await confirmVariant(registry.store(repository), wanted);
      return read.ok ? read.value : undefined;
    }),
  );
  const manifests = confirmed.filter((each) => each !== undefined);
  const index = stitchRelease(release, manifests);
  if (!index.ok) return false;
  const stitched = [{ release, index: index.value }];
  const publishing = { registry, onEvent: () => {}, signal: new AbortController().signal, now: Date.now };
  const put = await putIndexes(stitched, publishing);
  const moved = put.ok && (await moveTags(stitched, publishing)).ok;
  await registry.close();
  return moved;
}

const [tag = "", ...children] = argv.slice(2);
exit((await main(tag, children)) ? 0 : 1);
