import { describe } from "../describe.ts";
import { describeFindings } from "../describe/findings.ts";
import { contextOf, type VariantContext } from "../describe/explanation.ts";
import type { RunEvent, VariantOutcome } from "../../core/event.ts";
import type { Finding } from "../../core/findings/finding.ts";
import type { Route } from "../../core/route/route.ts";
import type { RendererOptions } from "./renderer.ts";

type Failure = Extract<VariantOutcome, { readonly kind: "failed" }>["failure"];

/** A variant that failed, and where. */
interface FailedVariant {
  readonly failure: Failure;
  readonly route: Route | undefined;
  /** The release goes on without it. */
  readonly isLeftOut: boolean;
}

/** Gathers the variants that fail, so that the end of a run can tell all of them at once. */
export interface FailureLog {
  readonly failed: readonly FailedVariant[];
  /** What checks have found and what stops nothing, but deserves a look. */
  readonly warnings: readonly Finding[];
  readonly apply: (event: RunEvent) => void;
}

/** Starts with no failures. A build that was cancelled is none: it only echoes what ended the run. */
export function gatherFailures(): FailureLog {
  const routes = new Map<string, Route>();
  const failed: FailedVariant[] = [];
  const warnings: Finding[] = [];
  return {
    failed,
    warnings,
    apply: (event) => {
      const finding = "finding" in event ? event.finding : undefined;
      if (finding?.severity === "warning") warnings.push(finding);
      if (event.kind === "run-started") for (const route of event.routes) routes.set(route.variant.id, route);
      if (event.kind === "variant-rerouted") routes.set(event.variant, event.to);
      if (event.kind !== "variant-done" || event.outcome.kind !== "failed") return;
      if (event.outcome.failure.kind === "solve-cancelled") return;
      const route = routes.get(event.variant);
      const isLeftOut = route?.variant.required === false;
      failed.push({ failure: event.outcome.failure, route, isLeftOut });
    },
  };
}

const LEFT_OUT = "  left out: the plan says `required: false`\n";

/** The text of all failures with their last log lines, ready to be written; empty where none failed. */
export function failuresText(
  { failed }: FailureLog,
  options: Pick<RendererOptions, "colour" | "columns" | "redact" | "emulatorOf">,
): string {
  const { colour, redact } = options;
  const width = options.columns();
  return failed
    .map(({ failure, route, isLeftOut }) => {
      const context = route === undefined ? {} : { context: withEmulator(route, options) };
      const text = describe(failure, { colour, width, redact, ...context });
      return `\n${text}\n${isLeftOut ? LEFT_OUT : ""}`;
    })
    .join("");
}

/** The text of all warnings, ready to be written; empty without any. */
export function warningsText(
  { warnings }: FailureLog,
  { colour, columns, redact }: Pick<RendererOptions, "colour" | "columns" | "redact">,
): string {
  if (warnings.length === 0) return "";
  return `\n${redact(describeFindings(warnings, { colour, width: columns() }))}\n`;
}

function withEmulator(route: Route, { emulatorOf }: Pick<RendererOptions, "emulatorOf">): VariantContext {
  const emulator = emulatorOf?.(route);
  return { ...contextOf(route), ...(emulator === undefined ? {} : { emulator }) };
}
