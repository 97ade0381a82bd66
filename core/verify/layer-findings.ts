import type { Finding } from "../findings/finding.ts";
import type { LayerOddity, LayerSummary, LayerUnreadable } from "../layers/layer.ts";
import { counted } from "./judged.ts";
import { imagePlace, placeOf } from "./made-by.ts";
import type { ReadLayer } from "./read-layers.ts";
import type { ImageToVerify } from "./verified.ts";

const MOST_LISTED = 5;

/** What is wrong with the layers themselves, whatever is in them. */
export function judgeLayers(image: ImageToVerify, layers: readonly ReadLayer[]): readonly Finding[] {
  return [
    ...judgeCount(image),
    ...layers.flatMap((layer, at) =>
      layer.kind === "read" ? judgeRead(image, layer.summary, at) : [unread(image, layer, at)],
    ),
  ];
}

/** Are there as many layers as the config says? Told without reading any of them. */
export function judgeCount(image: ImageToVerify): readonly Finding[] {
  const [said, there] = [image.config.diffIds.length, image.layers.length];
  if (said === there) return [];
  return [
    {
      rule: "layer-digest",
      severity: "error",
      message: `The manifest has ${counted(there, "layer")}, and the config of the image speaks of ${said}`,
      image: imagePlace(image),
      fix: "Build and push the image anew: no runtime unpacks it as it is.",
    },
  ];
}

function judgeRead(image: ImageToVerify, summary: LayerSummary, layer: number): readonly Finding[] {
  const said = image.config.diffIds[layer];
  const differs = said !== undefined && said !== summary.diffId;
  return [...(differs ? [otherContent(image, summary, layer)] : []), ...judgeOddities(image, summary, layer)];
}

function otherContent(image: ImageToVerify, { diffId }: LayerSummary, layer: number): Finding {
  return {
    rule: "layer-digest",
    severity: "error",
    message: "A layer holds something else than the config of the image says",
    ...placeOf(image, layer),
    facts: [`it holds ${diffId}`, `the config says ${image.config.diffIds[layer] ?? ""}`],
    fix: "Build and push the image anew: no runtime unpacks it as it is.",
  };
}

const ODDITIES: Readonly<Record<LayerOddity["kind"], string>> = {
  "path-escapes": "leads out of the image",
  "link-escapes": "is a link that leads out of the image",
  "name-not-utf8": "has a name that is not UTF-8",
  "duplicate-entry": "is there more than once",
  "unknown-entry": "is of a kind that nothing unpacks",
  "path-too-long": "has a longer path than Linux takes",
  "data-after-end": "there is data behind the end of the archive",
  "compression-differs": "it is compressed in another way than its media type says",
  "too-many": "and more that is not listed",
};

/** What real tools write now and then, and runtimes unpack without harm. */
const HARMLESS: ReadonlySet<LayerOddity["kind"]> = new Set([
  "compression-differs",
  "data-after-end",
  "duplicate-entry",
  "name-not-utf8",
  "too-many",
  "unknown-entry",
]);

function judgeOddities(image: ImageToVerify, { oddities }: LayerSummary, layer: number): readonly Finding[] {
  if (oddities.length === 0) return [];
  const bad = oddities.filter(({ kind }) => !HARMLESS.has(kind));
  const shown = [...bad, ...oddities.filter(({ kind }) => HARMLESS.has(kind))];
  const facts = shown
    .slice(0, MOST_LISTED)
    .map(({ kind, path }) => `${path.slice(0, 300)} ${ODDITIES[kind]}`.trim());
  const hidden = shown.length - facts.length;
  return [
    {
      rule: "layer-suspicious",
      severity: bad.length > 0 ? "warning" : "note",
      message:
        bad.length > 0
          ? `A layer holds ${counted(bad.length, "entry", "entries")} that no tool should write`
          : "A layer is written in an unusual way",
      ...placeOf(image, layer),
      facts: [...facts, ...(hidden > 0 ? [`and ${hidden} more`] : [])],
      ...(bad.length > 0 ? { fix: "Look at what made the layer; these entries were not followed." } : {}),
    },
  ];
}

function unread(image: ImageToVerify, layer: Exclude<ReadLayer, { kind: "read" }>, at: number): Finding {
  if (layer.kind === "elsewhere")
    return {
      rule: "layer-unreadable",
      severity: "note",
      message: "A layer is not kept with the image, and was not looked into: its owner alone distributes it",
      ...placeOf(image, at),
    };
  return {
    rule: "layer-unreadable",
    severity: "error",
    message: `A layer cannot be read: ${whyUnread(layer)}`,
    ...placeOf(image, at),
    facts: layer.kind === "unreadable" && layer.failure.detail !== "" ? [layer.failure.detail] : [],
    fix: "Build and push the image anew; where the layer is meant to be so, `verify: off` in the plan leaves it alone.",
  };
}

function whyUnread(layer: Extract<ReadLayer, { kind: "absent" | "damaged" | "unreadable" }>): string {
  if (layer.kind === "absent") return "it is not there";
  return layer.kind === "damaged" ? layer.detail : PROBLEMS[layer.failure.problem];
}

const PROBLEMS: Readonly<Record<LayerUnreadable["problem"], string>> = {
  "not-gzip": "it should be compressed with gzip, and is not",
  "not-zstd": "it should be compressed with zstd, and is not",
  truncated: "it is broken off",
  "not-tar": "it is no tar archive",
  "too-large": "unpacked it is larger than any layer should be",
  "too-many-entries": "it has more entries than any layer should have",
  "compression-unknown": "nothing is known of its compression",
  encrypted: "it is encrypted",
};
