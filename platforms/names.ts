/**
 * The names that platforms are made of, and how people misspell them: tables and text only.
 *
 * Operating systems and architectures are Go's GOOS and GOARCH values, which OCI adopted; aliases and default
 * variants are containerd's; the other spellings are what uname, Debian, LLVM and Docker Hub's users write.
 * @see https://github.com/containerd/platforms/blob/main/database.go
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md#platform-variants
 */

/** What GOOS may be: tells an operating system from an architecture where only one name is given. */
export const OPERATING_SYSTEMS: ReadonlySet<string> = new Set(
  (
    "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris " +
    "wasi wasip1 windows zos"
  ).split(" "),
);

/** What GOARCH may be. */
export const ARCHITECTURES: ReadonlySet<string> = new Set(
  (
    "386 amd64 amd64p32 arm armbe arm64 arm64be loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le " +
    "ppc ppc64 ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm"
  ).split(" "),
);

/** Names that are understood as written. An alias with a `variant` decides it, whatever else was said. */
export const ARCHITECTURE_ALIASES: ReadonlyMap<
  string,
  { readonly architecture: string; readonly variant?: string }
> = new Map([
  ["i386", { architecture: "386", variant: "" }],
  ["x86_64", { architecture: "amd64" }],
  ["x86-64", { architecture: "amd64" }],
  ["aarch64", { architecture: "arm64" }],
  ["armhf", { architecture: "arm", variant: "v7" }],
  ["armel", { architecture: "arm", variant: "v6" }],
]);

/** `architecture/variant` as written -> the canonical variant; the most common one of amd64 and arm64 is left out. */
export const CANONICAL_VARIANTS: ReadonlyMap<string, string> = new Map([
  ["amd64/v1", ""],
  ["arm64/8", ""],
  ["arm64/v8", ""],
  ["arm64/v8.0", ""],
  ["arm64/9", "v9"],
  ["arm64/9.0", "v9"],
  ["arm64/v9.0", "v9"],
  ["arm/", "v7"],
  ["arm/5", "v5"],
  ["arm/6", "v6"],
  ["arm/7", "v7"],
  ["arm/8", "v8"],
]);

/**
 * Variants that an architecture has, lowest first: each one runs on all that follow it (arm64 excepted, where v9.N
 * follows v8.N+5). An architecture that is not listed has no agreed variants to hold anybody to.
 */
export const VARIANTS: ReadonlyMap<string, readonly string[]> = new Map([
  ["386", []],
  ["amd64", ["v1", "v2", "v3", "v4"]],
  ["arm", ["v5", "v6", "v7", "v8"]],
  ["arm64", ["v8", ...minors("v8."), "v9", ...minors("v9.")]],
  ["ppc64le", ["power8", "power9", "power10"]],
  ["riscv64", ["rva20u64", "rva22u64", "rva23u64"]],
  ["s390x", []],
]);

/** Platforms that images are published for, most wanted first: what a misspelt one is compared with. */
export const KNOWN_SPECIFIERS: readonly string[] = [
  "linux/amd64",
  "linux/arm64",
  "linux/arm/v7",
  "linux/arm/v6",
  "linux/arm/v5",
  "linux/386",
  "linux/ppc64le",
  "linux/s390x",
  "linux/riscv64",
  "linux/loong64",
  "linux/mips64le",
  "linux/mips64",
  "linux/mipsle",
  "linux/mips",
  "linux/ppc64",
  "linux/amd64/v2",
  "linux/amd64/v3",
  "linux/amd64/v4",
  "windows/amd64",
  "windows/arm64",
  "darwin/arm64",
  "darwin/amd64",
  "freebsd/amd64",
  "freebsd/arm64",
  "wasip1/wasm",
];

/** Names that are not understood, but plainly mean one that is. */
const OTHER_SPELLINGS: ReadonlyMap<string, string> = new Map([
  ["mac", "darwin"],
  ["macos", "darwin"],
  ["osx", "darwin"],
  ["win", "windows"],
  ["x64", "amd64"],
  ["i386", "386"],
  ["i486", "386"],
  ["i586", "386"],
  ["i686", "386"],
  ["x86", "386"],
  ["x86_64", "amd64"],
  ["x86-64", "amd64"],
  ["aarch64", "arm64"],
  ["armv8", "arm64"],
  ["arm64v8", "arm64"],
  ["armhf", "arm/v7"],
  ["armv7", "arm/v7"],
  ["armv7l", "arm/v7"],
  ["armv7hl", "arm/v7"],
  ["arm32v7", "arm/v7"],
  ["armel", "arm/v6"],
  ["armv6", "arm/v6"],
  ["armv6l", "arm/v6"],
  ["arm32v6", "arm/v6"],
  ["armv5", "arm/v5"],
  ["arm32v5", "arm/v5"],
  ["loongarch64", "loong64"],
  ["mips64el", "mips64le"],
  ["mipsel", "mipsle"],
  ["powerpc64le", "ppc64le"],
  ["ppc64el", "ppc64le"],
  ["riscv", "riscv64"],
]);

/** The platform that this text most likely means, as one writes it; undefined where nothing is near. */
export function nearestSpecifier(text: string): string | undefined {
  const parts = text.trim().toLowerCase().replaceAll("\\", "/").split("/").filter(Boolean);
  const named = parts.map((part) => OTHER_SPELLINGS.get(part) ?? part).join("/");
  if (named === "" || named.length > 40) return undefined;
  if (parts.length > 1) return nearestKnown(named);
  return (
    nearestKnown(`linux/${named}`) ??
    KNOWN_SPECIFIERS.find((known) => known.startsWith(`${named}/`)) ??
    nearestKnown(named)
  );
}

function nearestKnown(specifier: string): string | undefined {
  return nearest(specifier.replace(/\/arm$/, "/arm/v7"), KNOWN_SPECIFIERS);
}

/**
 * The candidate that is fewest slips of the keyboard away (a letter added, lost, changed, or swapped with the next),
 * the first of equally near ones; undefined where more than two slips, or a third of the text, would be needed.
 */
function nearest(text: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let fewest = Math.min(2, Math.floor(text.length / 3)) + 1;
  for (const candidate of candidates) {
    const slips = countSlips(text, candidate);
    if (slips < fewest) [best, fewest] = [candidate, slips];
  }
  return best;
}

// A little less than a changed letter: amr64 is arm64 with two letters swapped rather than amd64 with one wrong.
const SWAP = 0.9;

/** Optimal string alignment distance. */
function countSlips(from: string, to: string): number {
  let beforeLast: readonly number[] = [];
  let last: readonly number[] = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const changed = from[row - 1] === to[column - 1] ? 0 : 1;
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current.push(
        Math.min(
          at(last, column) + 1,
          at(current, column - 1) + 1,
          at(last, column - 1) + changed,
          swapped ? at(beforeLast, column - 2) + SWAP : Infinity,
        ),
      );
    }
    [beforeLast, last] = [last, current];
  }
  return at(last, to.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity;
}

function minors(generation: string): readonly string[] {
  return Array.from({ length: 9 }, (_, index) => `${generation}${index + 1}`);
}
