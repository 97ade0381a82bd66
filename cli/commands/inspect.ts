import { inspectImage, listPlatforms } from "../../core/images/inspect.ts";
import type { InspectedImage, ListedPlatforms, Oddity } from "../../core/images/inspected-image.ts";
import { describeStaging } from "../../core/staging/staging-index.ts";
import { formatPlatformFull, type Platform } from "../../platforms/platform.ts";
import { inspectView, platformList, type InspectView } from "../render/inspect-view.ts";
import { registriesOf } from "../registries.ts";
import { printJson, reportFailures, widthOf } from "../report.ts";
import type { Shell } from "../shell.ts";
import { inspectedOf, openStores } from "../stores.ts";
import { count } from "../text/units.ts";
import { unreachable } from "../unreachable.ts";

export interface InspectOptions {
  /** A plan that says how registries are reached. */
  readonly file?: string;
  readonly platforms?: boolean;
  readonly json?: boolean;
}

/** `inspect`: what a tag or digest holds, whoever made it, in a registry or a layout. */
export async function runInspect(text: string, options: InspectOptions, shell: Shell): Promise<number> {
  const json = options.json === true;
  const registries = await registriesOf(options.file, shell);
  if (!registries.ok) return await reportFailures(registries.error, shell, { json });
  const stores = openStores(shell, "read", registries.value);
  try {
    const source = await stores.source(text);
    if (!source.ok) return await reportFailures([source.error], shell, { json });
    const wanted = inspectedOf(source.value);
    if (options.platforms === true) {
      const listed = await listPlatforms(wanted, shell.signal);
      if (!listed.ok) return await reportFailures([listed.error], shell, { json });
      showPlatforms(listed.value, json, shell);
      return 0;
    }
    const inspected = await inspectImage(wanted, shell.signal);
    if (!inspected.ok) return await reportFailures([inspected.error], shell, { json });
    show(inspected.value, json, shell);
    return 0;
  } finally {
    await stores.close();
  }
}

function showPlatforms({ platforms, ...about }: ListedPlatforms, json: boolean, shell: Shell): void {
  const rows = platforms.map(({ platform, digest }) => ({ platform: platformText(platform), digest }));
  const { stdout } = shell;
  if (json) printJson(shell, { ok: true, ...about, platforms: rows });
  else stdout.write(`${platformList(rows, { width: widthOf(stdout), colour: stdout.colour })}\n`);
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
  return { ...image, platforms, notes: [...stagingNotes(image), ...image.oddities.map(oddityWords)] };
}

function stagingNotes({ annotations, platforms }: InspectedImage): readonly string[] {
  const staged = describeStaging(annotations);
  if (staged === undefined) return [];
  const { variant = "a variant", stagedAt, node } = staged;
  const since = stagedAt === undefined ? "" : ` since ${stagedAt}`;
  const from = node === undefined ? "" : `, built on ${node}`;
  const others = platforms.length > 1 ? `, beside ${count(platforms.length - 1, "older slot")}` : "";
  return [
    `staged by buildx-plan${since}${from}: ${variant}${others}, until its release is there; \`gc --staging\` removes what was left behind`,
  ];
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
