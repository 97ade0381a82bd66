import { textOf, textsOf } from "./fields.ts";
import { child } from "./tree.ts";
import type { Value } from "./tree.ts";
import type { Text, WrittenRunner, WrittenTakeOver } from "./written.ts";

/** Reads the labels of runners by platform. */
export function readRunners(root: Value): readonly WrittenRunner[] {
  const runners = child(root, "runners");
  const entries = runners?.kind === "map" ? runners.entries : [];
  return entries.map(({ key, keyRange, value }) => {
    const label = textOf(value);
    return { platform: key, range: keyRange, labels: label === undefined ? textsOf(value) : [label] };
  });
}

/** Reads what of an image is taken over from earlier runs. */
export function readTakeOver(value: Value): WrittenTakeOver {
  const reuse = child(value, "reuse");
  const staging = child(value, "staging");
  return {
    ...(reuse !== undefined && textOf(reuse)?.value === "unchanged" && { reuse: reuse.range }),
    ignoresUnknownInputs: textOf(child(value, "unknown-inputs"))?.value === "ignore",
    staging: readStaging(staging),
  };
}

function readStaging(value: Value | undefined): WrittenTakeOver["staging"] {
  if (textOf(value)?.value === "commit") return "commit";
  return value?.kind !== "scalar" || value.data !== false;
}

/** Reads the names of the images that must be there before this one. */
export function readNeeds(value: Value): readonly Text[] {
  return textsOf(child(value, "needs"));
}

/** Reads `commit` or seconds; a number of YAML is taken as it is written. */
export function readEpoch(value: Value): Text | undefined {
  const epoch = child(value, "source-date-epoch");
  if (epoch?.kind !== "scalar" || epoch.type !== "number") return textOf(epoch);
  return { value: epoch.text, scalar: epoch, offset: 0 };
}
