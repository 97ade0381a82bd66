/**
 * Platforms as OCI describes them and as containerd writes them.
 *
 *     specifier = os [ "(" [ version ] *( "+" feature ) ")" ] "/" architecture [ "/" variant ]
 *               | os | architecture                     ; only where defaults for the other one are given
 *
 * `linux/arm64`, `linux/arm/v7`, `windows(10.0.17763+win32k)/amd64`. Names are case-insensitive; `%xx` stands for a
 * character that would end a version or feature. Aliases are resolved on reading (`linux/x86_64` is linux/amd64);
 * variants are made canonical by {@link normalizePlatform} only: linux/arm64/v8 -> linux/arm64, linux/arm -> linux/arm/v7.
 * Nothing is ever taken from the machine that this runs on: the same text means the same platform everywhere.
 * @see https://github.com/containerd/platforms
 */
import {
  ARCHITECTURES,
  ARCHITECTURE_ALIASES,
  CANONICAL_VARIANTS,
  KNOWN_SPECIFIERS,
  nearestSpecifier,
  OPERATING_SYSTEMS,
  VARIANTS,
} from "./names.ts";
import { decodeOsOption, encodeOsOption } from "./os-option.ts";

/**
 * A platform as OCI means it: what an operating system and a CPU must offer to run an image.
 * Field names follow the image spec; `osVersion`/`osFeatures` are spelled `os.version`/`os.features` on the wire.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md
 */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly osVersion?: string;
  readonly osFeatures?: readonly string[];
}

/** The text is not a platform: what is wrong, the part that is, and what was probably meant (as one writes it). */
export interface PlatformInvalid {
  readonly kind: "platform-invalid";
  readonly problem: PlatformProblem;
  readonly text: string;
  readonly part?: string;
  readonly suggestion?: string;
}

/**
 * `missing-os`, `missing-architecture`: the text names one of them only, and no defaults were given; `unknown-name`: a
 * single name that is neither; `malformed-part`: characters that a name cannot have; `malformed-escape`: a `%` without
 * two hexadecimal digits that make UTF-8.
 */
export type PlatformProblem =
  | "empty"
  | "wildcard"
  | "too-many-parts"
  | "malformed-part"
  | "malformed-escape"
  | "unknown-name"
  | "missing-os"
  | "missing-architecture";

/** The outcome of reading a platform; shaped like core's Result, which this folder does not know. */
export type PlatformResult =
  | { readonly ok: true; readonly value: Platform }
  | { readonly ok: false; readonly error: PlatformInvalid };

// A part of dots alone is refused: it names nothing, and a path made from a platform must not climb.
const NAME = /^(?!\.+$)[A-Za-z0-9_.-]+$/;
const OS = /^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.%-]*)((?:\+[A-Za-z0-9_.%-]+)*)\))?$/;

/**
 * Reads a platform as written, aliases resolved and variants untouched (see {@link normalizePlatform}). A missing
 * operating system or architecture is taken from `defaults`, or is an error. Any `os/architecture` is accepted, known
 * or not (see {@link isKnownPlatform}). Never throws.
 */
export function parsePlatform(text: string, options: { readonly defaults?: Platform } = {}): PlatformResult {
  if (text === "") return invalid("empty", text);
  if (text.includes("*")) return invalid("wildcard", text);
  const [first = "", ...rest] = text.split("/");
  if (rest.length > 2) return invalid("too-many-parts", text);
  const malformed = rest.find((part) => !NAME.test(part));
  const os = OS.exec(first);
  if (os === null) return invalid("malformed-part", text, first);
  if (malformed !== undefined) return invalid("malformed-part", text, malformed);
  const [, name = "", version = "", features = ""] = os;
  const decoded = [version, ...features.split("+").slice(1)].map(decodeOsOption);
  if (!decoded.every((value) => value !== undefined)) return invalid("malformed-escape", text, first);
  const [osVersion = "", ...osFeatures] = decoded;
  const [architecture, variant] = rest;
  const system = { os: normalOs(name), osVersion, osFeatures };
  if (architecture === undefined) return fromOnePart(text, system, options.defaults);
  return { ok: true, value: make({ ...system, ...readArchitecture(architecture, variant) }) };
}

/** The canonical form, in which equal platforms have equal fields. Idempotent. */
export function normalizePlatform(platform: Platform): Platform {
  const { os, osVersion = "", osFeatures = [] } = platform;
  return make({
    ...normalArchitecture(platform.architecture, platform.variant ?? ""),
    os: normalOs(os),
    osVersion,
    osFeatures: sortedFeatures(osFeatures),
  });
}

/** `os/architecture[/variant]`, as Docker shows platforms; `unknown` where there is no operating system. */
export function formatPlatform({ os, architecture, variant = "" }: Platform): string {
  return os === "" ? "unknown" : [os, architecture, variant].filter((part) => part !== "").join("/");
}

/** Like {@link formatPlatform}, with version and features of the operating system: {@link parsePlatform} reads it back. */
export function formatPlatformFull(platform: Platform): string {
  const features = sortedFeatures(platform.osFeatures ?? []).map((feature) => `+${encodeOsOption(feature)}`);
  const options = encodeOsOption(platform.osVersion ?? "") + features.join("");
  if (platform.os === "" || options === "") return formatPlatform(platform);
  return formatPlatform({ ...platform, os: `${platform.os}(${options})` });
}

/** Do both mean the same platform, however they are written? */
export function samePlatform(one: Platform, other: Platform): boolean {
  return comparePlatforms(one, other) === 0;
}

/** An order for lists that have none of their own, field by field in canonical form; 0 for the same platform. */
export function comparePlatforms(one: Platform, other: Platform): number {
  const [left, right] = [sortKey(one), sortKey(other)];
  return left === right ? 0 : left < right ? -1 : 1;
}

/** Platforms that images are published for, most wanted first, in canonical form. */
export const knownPlatforms: readonly Platform[] = KNOWN_SPECIFIERS.map((known) => {
  const [os = "", architecture = "", variant = ""] = known.split("/");
  return make({ os, architecture, variant });
});

/** Is this operating system with this architecture one that images are published for? Variants: {@link findImpossibleVariant}. */
export function isKnownPlatform(platform: Platform): boolean {
  const { os, architecture } = normalizePlatform(platform);
  return knownPlatforms.some((known) => known.os === os && known.architecture === architecture);
}

/** The known platform that this text most likely means (`linux/amr64` -> `linux/arm64`), if any is near. */
export function suggestPlatform(text: string): string | undefined {
  return nearestSpecifier(text);
}

/** A variant that its architecture does not have: those that it has (lowest first), and what was probably meant. */
export interface ImpossibleVariant {
  readonly platform: Platform;
  readonly variant: string;
  readonly known: readonly string[];
  readonly suggestion: string;
}

/** Finds nonsense such as amd64/v8 or arm64/v5, which parses well but names a CPU that does not exist. */
export function findImpossibleVariant(platform: Platform): ImpossibleVariant | undefined {
  const { os, architecture, variant = "" } = normalizePlatform(platform);
  const known = VARIANTS.get(architecture);
  if (known === undefined || variant === "" || known.includes(variant)) return undefined;
  const is32BitArm = architecture === "arm64" && VARIANTS.get("arm")?.includes(variant) === true;
  const meant = is32BitArm
    ? { os, architecture: "arm", variant }
    : { os, architecture, variant: known.find((name) => name === `v${variant}`) ?? "" };
  const suggestion = formatPlatform(normalizePlatform(meant));
  return { platform, variant, known, suggestion };
}

type System = Pick<Required<Platform>, "os" | "osVersion" | "osFeatures">;

function fromOnePart(text: string, system: System, defaults: Platform | undefined): PlatformResult {
  if (OPERATING_SYSTEMS.has(system.os)) {
    if (defaults === undefined) return invalid("missing-architecture", text);
    const { architecture, variant = "" } = defaults;
    return { ok: true, value: make({ ...system, architecture, variant }) };
  }
  const named = readArchitecture(text);
  if (!ARCHITECTURES.has(named.architecture)) return invalid("unknown-name", text, text);
  if (defaults === undefined) return invalid("missing-os", text);
  return { ok: true, value: make({ os: defaults.os, ...named }) };
}

/** As containerd reads it: the default variant of arm and arm64 is kept exactly where it was written out. */
function readArchitecture(
  name: string,
  written?: string,
): { readonly architecture: string; readonly variant: string } {
  const { architecture, variant } = normalArchitecture(name, written ?? "");
  if (written === undefined && architecture === "arm" && variant === "v7")
    return { architecture, variant: "" };
  if (written !== undefined && architecture === "arm64" && variant === "")
    return { architecture, variant: "v8" };
  return { architecture, variant };
}

function normalArchitecture(
  name: string,
  written: string,
): { readonly architecture: string; readonly variant: string } {
  const alias = ARCHITECTURE_ALIASES.get(name.toLowerCase());
  const architecture = alias?.architecture ?? name.toLowerCase();
  const variant = alias?.variant ?? written.toLowerCase();
  return { architecture, variant: CANONICAL_VARIANTS.get(`${architecture}/${variant}`) ?? variant };
}

function normalOs(name: string): string {
  return name.toLowerCase() === "macos" ? "darwin" : name.toLowerCase();
}

function sortedFeatures(features: readonly string[]): readonly string[] {
  return [...new Set(features)].filter((feature) => feature !== "").toSorted();
}

/** Fields are kept apart by a character that sorts first: what a hostile document says cannot move from one to the next. */
function sortKey(platform: Platform): string {
  const { os, architecture, variant = "", osVersion = "", osFeatures = [] } = normalizePlatform(platform);
  return [os, architecture, variant, osVersion, ...osFeatures].join("\0");
}

/** Leaves out what is empty, so that an absent field and an empty one are the same. */
function make({ os, architecture, variant = "", osVersion = "", osFeatures = [] }: Platform): Platform {
  return {
    os,
    architecture,
    ...(variant !== "" && { variant }),
    ...(osVersion !== "" && { osVersion }),
    ...(osFeatures.length > 0 && { osFeatures }),
  };
}

function invalid(problem: PlatformProblem, text: string, part?: string): PlatformResult {
  const suggestion = nearestSpecifier(text);
  return {
    ok: false,
    error: {
      kind: "platform-invalid",
      problem,
      text,
      ...(part !== undefined && { part }),
      ...(suggestion !== undefined && { suggestion }),
    },
  };
}
