import {
  formatPlatform,
  formatPlatformFull,
  normalizePlatform,
  type Platform,
} from "../../platforms/platform.ts";
import type { Finding } from "../findings/finding.ts";
import { imagePlace } from "./made-by.ts";
import type { ImageToVerify } from "./verified.ts";

/** What is wrong with the label itself, told without reading any layer. */
export function judgeLabel(image: ImageToVerify): readonly Finding[] {
  return [...differs(image), ...lacksOsVersion(image)];
}

function differs(image: ImageToVerify): readonly Finding[] {
  const [label, config] = [image.platform, image.config.platform];
  const [named, built] = [normalizePlatform(label), normalizePlatform(config)];
  const isOther = named.os !== built.os || named.architecture !== built.architecture;
  // As containerd does: who says no variant means any.
  const bothSay = [label, config].every(({ variant = "" }) => variant !== "");
  if (!isOther && !(bothSay && named.variant !== built.variant)) return [];
  return [
    {
      rule: "platform-label",
      severity: isOther ? "error" : "warning",
      message: `The index says ${show(label)}, and the config of the image says ${show(config)}`,
      image: imagePlace(image),
      facts: [`manifest ${image.manifest}`],
      fix: isOther
        ? "Build the image for the platform instead of labelling another one: runtimes choose by the index and believe the config."
        : "Give both the same variant: runtimes choose by the one in the index.",
    },
  ];
}

function show(platform: Platform): string {
  return formatPlatform(platform);
}

/** Windows runs containers of some versions only, and chooses by what the index says. */
function lacksOsVersion(image: ImageToVerify): readonly Finding[] {
  const { platform, config } = image;
  if (platform.os.toLowerCase() !== "windows" || platform.osVersion !== undefined) return [];
  const said = config.platform.osVersion;
  return [
    {
      rule: "os-version-missing",
      severity: "warning",
      message: `Nothing says which version of Windows the image for ${formatPlatform(platform)} needs`,
      image: imagePlace(image),
      ...(said === undefined ? {} : { facts: [`its config says ${formatPlatformFull(config.platform)}`] }),
      fix: "Give the entry of the index the `os.version` of the base image: `platform: windows(10.0.20348)/amd64` in the plan.",
    },
  ];
}
