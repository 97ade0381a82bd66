import { inspectImage } from "../../core/inspect.ts";
import type { InspectedImage, Oddity } from "../../core/inspected-image.ts";
import { parseReference } from "../../core/oci/reference.ts";
import { openRegistry } from "../../core/registry/client.ts";
import { formatPlatformFull, type Platform } from "../../platforms/platform.ts";
import { inspectView, type InspectView } from "../render/inspect-view.ts";
import { registriesOf } from "../registries.ts";
import { printJson, reportFailures, widthOf } from "../report.ts";
import type { Shell } from "../shell.ts";
import { unreachable } from "../unreachable.ts";

export interface InspectOptions {
  /** A plan that says how registries are reached. */
  readonly file?: string;
  readonly json?: boolean;
}

/** `inspect`: what a tag or digest holds, whoever made it. */
export async function runInspect(text: string, options: InspectOptions, shell: Shell): Promise<number> {
  const json = options.json === true;
  const reference = parseReference(text);
  if (!reference.ok) return await reportFailures([reference.error], shell, { json });
  const registries = await registriesOf(options.file, shell);
  if (!registries.ok) return await reportFailures(registries.error, shell, { json });
  const registry = openRegistry({
    env: shell.env,
    home: shell.home,
    userAgent: `buildx-plan/${shell.version}`,
    access: "read",
    registries: registries.value,
  });
  try {
    const inspected = await inspectImage(registry, reference.value, shell.signal);
    if (!inspected.ok) return await reportFailures([inspected.error], shell, { json });
    show(inspected.value, json, shell);
    return 0;
  } finally {
    await registry.close();
  }
}

function show(image: InspectedImage, json: boolean, shell: Shell): void {
  if (json) {
    const platforms = image.platforms.map((each) => ({ ...each, platform: platformText(each.platform) }));
    const oddities = image.oddities.map((oddity) => ({ ...oddity, words: oddityWords(oddity) }));
    printJson(shell, { ok: true, ...image, platforms, oddities });
    return;
  }
  const { stdout } = shell;
  stdout.write(`${inspectView(viewOf(image), { width: widthOf(stdout), colour: stdout.colour })}\n`);
}

function viewOf(image: InspectedImage): InspectView {
  const platforms = image.platforms.map((each) => ({ ...each, platform: platformText(each.platform) }));
  return { ...image, platforms, notes: image.oddities.map(oddityWords) };
}

function platformText(platform: Platform | undefined): string {
  return platform === undefined ? "unknown" : formatPlatformFull(platform);
}

function oddityWords(oddity: Oddity): string {
  switch (oddity.kind) {
    case "nested-index":
      return `${oddity.digest} is an index within the index: most clients cannot pull it`;
    case "foreign-entry":
      return `${oddity.digest} is no image (${oddity.mediaType})`;
    case "child-missing":
      return `${oddity.digest} (${platformText(oddity.platform)}) is named by the index and is not there: it cannot be pulled`;
    case "child-unreadable":
      return `${oddity.digest} cannot be read: ${oddity.detail}`;
    case "platform-not-in-index":
      return `the index does not say for which platform ${oddity.digest} is; its config does`;
    case "attestation-stray":
      return `the attestation ${oddity.digest} speaks of ${oddity.subject ?? "an image"} that is not in this index`;
    default:
      return unreachable(oddity);
  }
}
