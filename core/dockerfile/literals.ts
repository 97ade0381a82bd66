import type { Range } from "../plan/source.ts";
import { architecturesIn } from "./architectures.ts";
import type { Instruction } from "./dockerfile.ts";
import { assignmentsOf, wordsOf } from "./instruction.ts";
import { scriptsOf, type Script } from "./scripts.ts";
import { architectureBranches } from "./shell-conditions.ts";

/** An architecture that an instruction writes out. */
export interface Literal {
  readonly kind: "download" | "compiler" | "packages" | "copy" | "value";
  /** The address, setting or path that holds it. */
  readonly text: string;
  readonly range: Range;
  readonly architecture: string;
  /** Has the script asked for the architecture before? */
  readonly isConditional: boolean;
  /** Is it Go's GOARCH, whose names are BuildKit's own? */
  readonly isGo: boolean;
  /** An `ARG` of this name holds it: the plan may pass another. */
  readonly argument?: string;
}

/** A part of an address may be asked for: `https://dl.example/$(curl -s https://dl.example/stable.txt)/linux/amd64/tool`. */
const ADDRESS = /\b(?:https?|ftp):\/\/(?:\$\([^()]*\)|[^\s"'`<>|;)])+/g;

/** `GOARCH=amd64 go build`, `export CARGO_BUILD_TARGET=x86_64-unknown-linux-gnu`, `npm_config_arch=x64 npm ci`. */
const SETTING = /(?<![\w$-])(?:GOARCH|CARGO_BUILD_TARGET|npm_config_arch)=["']?([\w.-]+)/g;

/** `ARCH=x86_64; curl https://dl.example/tool-$ARCH`. */
const VARIABLE = /(?<![\w$-])(?:ARCH|ARCHITECTURE)=["']?([\w.-]+)/g;

/** `--target x86_64-unknown-linux-musl`, `--arch=x64`, `-r linux-x64`. */
const OPTION =
  /(?<![\w-])(?:--target|-target|--arch|--cpu|--platform|--host|--runtime|-r)(?:=|[ \t]+)["']?([\w.,/-]+)/g;

/** `deb [arch=amd64 signed-by=...] https://...` */
const PACKAGES = /(?<=\[[^[\]\n]{0,200})\barch=([\w,-]{1,60})/g;

/** A variable or a command that stands for the architecture: what is beside it is no literal. */
const CHOSEN =
  /\$\{?\w*(?:arch|platform|machine|cpu|triple)|\$\([^()]*(?:arch|platform|machine|cpu|triple|target|dpkg|rpm|case|uname[^()]* -\w*[ampi])/i;

/** Names of ARG and ENV that hold an architecture or a compiler's target. */
const ARCHITECTURE_NAME =
  /^(?:\w+_)?(?:GOARCH|ARCH|ARCHITECTURE|CARGO_BUILD_TARGET|TARGET_TRIPLE|RUST_TARGET)$/i;

/** The architectures that an instruction of a stage writes out. */
export function findLiterals(instruction: Instruction, escape: string): readonly Literal[] {
  switch (instruction.keyword) {
    case "RUN":
      return scriptsOf(instruction).flatMap(inScript);
    case "ADD":
    case "COPY":
      return inPaths(instruction);
    case "ARG":
    case "ENV":
      return inAssignments(instruction, escape);
    default:
      return [];
  }
}

/** The architectures that an `ARG` before the first `FROM` writes out. */
export function literalsOfGlobal(instruction: Instruction, escape: string): readonly Literal[] {
  return inAssignments(instruction, escape);
}

function inScript({ text, place }: Script): readonly Literal[] {
  const branches = architectureBranches(text);
  const isConditional = (at: number): boolean => branches.some(({ start, end }) => at >= start && at < end);
  const of = (kind: Literal["kind"], pattern: RegExp): readonly Literal[] =>
    [...text.matchAll(pattern)].flatMap(({ 0: found, 1: value = found, index }) => {
      const architecture = CHOSEN.test(found) || !isForCpu(found, value) ? undefined : theOneIn(value);
      if (architecture === undefined) return [];
      const range = place(index, index + found.length);
      return [
        {
          kind,
          text: found,
          range,
          architecture,
          isConditional: isConditional(index),
          isGo: found.startsWith("GOARCH="),
        },
      ];
    });
  return [
    ...of("download", ADDRESS),
    ...of("compiler", SETTING),
    ...of("compiler", OPTION),
    ...of("packages", PACKAGES),
    ...of("value", VARIABLE),
  ];
}

/** The architecture that a text names; none where it names several. */
function theOneIn(text: string): string | undefined {
  const [first, ...others] = new Set(architecturesIn(text).map(({ architecture }) => architecture));
  return others.length === 0 ? first : undefined;
}

/** `-r` and `--runtime` are .NET's only with such a value. */
function isForCpu(found: string, value: string): boolean {
  return !/^(?:-r|--runtime)\b/.test(found) || /^(?:linux|win|osx|alpine)[\w.-]*-\w+$/.test(value);
}

/** Sources of ADD and COPY, not the destination. */
function inPaths(instruction: Instruction): readonly Literal[] {
  const words = wordsOf(instruction).slice(0, -1);
  return words.flatMap(({ text, range }): readonly Literal[] => {
    const architecture = CHOSEN.test(text) ? undefined : theOneIn(text);
    if (architecture === undefined) return [];
    const kind = /^(?:https?|ftp):/.test(text) ? "download" : "copy";
    return [{ kind, text, range, architecture, isConditional: false, isGo: false }];
  });
}

function inAssignments(instruction: Instruction, escape: string): readonly Literal[] {
  return assignmentsOf(instruction, escape).flatMap(({ name, value = "", range }): readonly Literal[] => {
    const bare = value.replace(/^["']|["']$/g, "");
    const isAddress = /^(?:https?|ftp):\/\//.test(bare);
    if (CHOSEN.test(bare) || (!isAddress && !isWholly(name, bare))) return [];
    const architecture = theOneIn(bare);
    if (architecture === undefined) return [];
    const text = isAddress ? bare : `${name}=${value}`;
    const kind = isAddress ? "download" : "value";
    const argument = instruction.keyword === "ARG" ? { argument: name } : {};
    return [{ kind, text, range, architecture, isConditional: false, isGo: name === "GOARCH", ...argument }];
  });
}

/** Is the value nothing but an architecture or a compiler's target, under a name that says so? BuildKit's own names have a rule of their own. */
function isWholly(name: string, value: string): boolean {
  return !/^(?:TARGET|BUILD)ARCH$/.test(name) && ARCHITECTURE_NAME.test(name) && /^[\w.-]+$/.test(value);
}
