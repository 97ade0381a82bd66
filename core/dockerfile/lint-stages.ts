import { formatPlatform, type Platform } from "../../platforms/platform.ts";
import type { Finding } from "../findings/finding.ts";
import { architecturesIn } from "./architectures.ts";
import type { Word } from "./dockerfile.ts";
import {
  findingIn,
  isBuilders,
  neededStages,
  platformList,
  quoted,
  type SharedStage,
  type View,
} from "./lint-view.ts";

/**
 * Stages that are not of the platform that the image is built for: of one that is written out (`platform-constant`), or of the
 * builder's where the image itself consists of them (`final-stage-build-platform`). `FROM` of a stage or of scratch takes no files of
 * another platform.
 */
export function lintStages(views: readonly View[]): readonly Finding[] {
  return neededStages(views).flatMap((stage) => {
    const [first] = stage.uses;
    const written = first?.node.stage.from.platform;
    if (first === undefined || written === undefined) return [];
    const images = stage.uses.filter(({ node }) => node.base.kind !== "stage");
    return [...onBuilder(images, written), ...onConstant(images, written)];
  });
}

type Uses = SharedStage["uses"];

function onBuilder(uses: Uses, written: Word): readonly Finding[] {
  const wrong = uses.filter(
    ({ node, inChain }) => inChain && node.platform !== undefined && isBuilders(node.platform),
  );
  const [first] = wrong;
  if (first === undefined) return [];
  const platforms = platformList(wrong.map(({ view }) => view.variant.platform));
  const isAlone = wrong.length === 1;
  return [
    findingIn(first.view.dockerfile.source, "final-stage-build-platform", written.range, {
      message: `This stage becomes part of the image for ${platforms}, but its files are for the machine that builds`,
      fix: `Remove \`--platform=${written.text}\` here, and keep it for stages whose files are copied out of them.`,
      // With one platform, the builder may well be of it.
      ...(isAlone ? { severity: "warning" } : {}),
    }),
  ];
}

function onConstant(uses: Uses, written: Word): readonly Finding[] {
  const wrong = uses.filter(
    ({ node, view }) =>
      node.platform !== undefined &&
      !isBuilders(node.platform) &&
      !sameCpu(node.platform, view.variant.platform),
  );
  const [first] = wrong;
  // Where a default has taken the place of BuildKit's value, that is what is reported.
  if (first?.node.platform === undefined || /\$\{?(?:BUILD|TARGET)/.test(written.text)) return [];
  const inChain = wrong.some((use) => use.inChain);
  // A stage that has an architecture in its name is meant to be of it.
  if (!inChain && architecturesIn(first.node.stage.name ?? "").length > 0) return [];
  const always = formatPlatform(first.node.platform);
  const platforms = platformList(wrong.map(({ view }) => view.variant.platform));
  const flag = `--platform=${written.text}`;
  return [
    findingIn(first.view.dockerfile.source, "platform-constant", written.range, {
      message: inChain
        ? `This stage becomes part of the image for ${platforms}, but its files are always for ${always}`
        : `Files of this stage are copied into the image for ${platforms}, but they are always for ${always}`,
      fix: inChain
        ? `Remove ${quoted(flag)}: BuildKit then takes the platform that it builds for.`
        : `Remove ${quoted(flag)}, or write \`--platform=$BUILDPLATFORM\` where the stage cross-compiles or makes files that are the same everywhere.`,
      ...(inChain ? { severity: "error" } : {}),
    }),
  ];
}

function sameCpu(one: Platform, other: Platform): boolean {
  return one.os === other.os && one.architecture === other.architecture;
}
