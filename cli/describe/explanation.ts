import { palette } from "../text/colour.ts";
import { visible } from "../text/safe.ts";
import type { UnsetSecret } from "../../core/plan/build.ts";
import type { Route } from "../../core/route/route.ts";
import { formatPlatformFull } from "../../platforms/platform.ts";

/** A failure in words, before it is laid out: what happened, the facts around it, the log, and what to do next. */
export interface Explanation {
  /** One line: what happened, and to what. */
  readonly headline: string;
  /** One fact a line: where, which request, what was said. */
  readonly facts: readonly string[];
  /** Lines of a log that show the cause. */
  readonly log?: readonly string[];
  /** What to do next, one piece of advice a line. */
  readonly advice: readonly string[];
}

/** Where a failure of a build happened: what the failure itself does not say. */
export interface VariantContext {
  readonly variant: string;
  readonly platform: string;
  readonly node: string;
  readonly execution: "native" | "emulated";
  /** What emulates it, where that is this kernel's own to tell. */
  readonly emulator?: Emulator;
  /** Secrets of the plan that have no value in this environment. */
  readonly unsetSecrets?: readonly Pick<UnsetSecret, "id" | "variable">[];
}

/** An emulator that binfmt_misc names. */
export interface Emulator {
  /** `qemu-aarch64-static` */
  readonly name: string;
  readonly version?: string;
  /** Flag F: containers have it though they do not hold its file. */
  readonly isFixed: boolean;
}

/** What a route says of where a failure happened. */
export function contextOf({ variant, node, execution }: Route): VariantContext {
  const { unsetSecrets } = variant.build;
  return {
    variant: variant.id,
    platform: formatPlatformFull(variant.platform),
    node: node.name,
    execution,
    ...(unsetSecrets === undefined ? {} : { unsetSecrets }),
  };
}

/** `QEMU 7.2.22`, or as much as is known. */
export function formatEmulator(context: VariantContext | undefined): string {
  const emulator = context?.emulator;
  if (emulator !== undefined && !emulator.name.startsWith("qemu")) return emulator.name;
  return emulator?.version === undefined ? "QEMU" : `QEMU ${emulator.version}`;
}

/** A headline about a variant, where it is known which. */
export function subject(context: VariantContext | undefined, text: string): string {
  return context === undefined ? text : `${context.variant}: ${text}`;
}

/** The fact of where a variant was built, and by what. */
export function whereBuilt(context: VariantContext | undefined): readonly string[] {
  if (context === undefined) return [];
  const by = context.emulator === undefined ? "" : ` by ${context.emulator.name}`;
  return [`on node ${context.node}, ${context.execution}${by}`];
}

/** Lays an explanation out as lines. All of it is made visible here, so that explainers may quote foreign text as it came. */
export function layOut(explanation: Explanation, colour: boolean): readonly string[] {
  const { error, faint, strong } = palette(colour);
  const log = explanation.log ?? [];
  return [
    `${error("error:")} ${strong(visible(explanation.headline))}`,
    ...explanation.facts.map((fact) => `  ${visible(fact)}`),
    ...log.map((line) => `  ${faint("|")} ${visible(line)}`),
    ...explanation.advice.map((advice) => hintLine(advice, colour)),
  ];
}

/** One line of advice, as every kind of message shows it. */
export function hintLine(advice: string, colour: boolean): string {
  return `  ${palette(colour).running("hint:")} ${visible(advice)}`;
}

/** The first line of a text, and the others: a headline and its facts. */
export function firstLine(text: string): { readonly first: string; readonly rest: readonly string[] } {
  const [first = "", ...rest] = text.trim().split(/\r?\n/);
  return { first, rest };
}
