import { formatEmulator, subject, whereBuilt, type Explanation, type VariantContext } from "./explanation.ts";
import type { EmulatorCrash, EmulatorCrashed } from "../../core/buildkit/buildkit.ts";
import { execFormatAdvice, otherQemu, signalOf } from "./advice.ts";

/** What an emulator's crash is called, and what to do about it. */
interface Words {
  readonly headline: (crash: EmulatorCrash, context: VariantContext | undefined) => string;
  readonly advice: (failure: EmulatorCrashed, context: VariantContext | undefined) => readonly string[];
}

const WORDS: Readonly<Record<EmulatorCrash["signature"], Words>> = {
  signal: {
    headline: ({ signal }, context) => `a program crashed under ${formatEmulator(context)}${named(signal)}`,
    advice: ({ crash }, context) => [
      `It may be in order on the CPU itself: QEMU's emulation${targetOf(context)} does not run every program right.`,
      ...mayBeNative(crash),
      otherQemu(context),
    ],
  },
  "illegal-instruction": {
    headline: (_, context) =>
      `a program met an instruction that ${formatEmulator(context)} does not know (SIGILL)`,
    advice: ({ crash }, context) => [
      `It may be compiled for a newer CPU than ${context?.platform ?? "the platform's"}: look at the variant of the platform, the base image, and -march, GOARM or GOAMD64.`,
      ...mayBeNative(crash),
      otherQemu(context),
    ],
  },
  "exec-format": {
    headline: (_, context) =>
      context?.execution === "native" ? "the CPU cannot run a program" : "no emulator took a program",
    advice: (_, context) => execFormatAdvice(context),
  },
  "text-busy": {
    headline: () => "BuildKit's emulator was still being written when the step began",
    advice: () => [
      "Run again: it does not happen often. An emulator in the node's binfmt_misc is used in place of BuildKit's own: `buildx-plan doctor` there gives the command.",
    ],
  },
};

/** An emulator's crash in words: which one, on what line, where, and the likely cause. */
export function explainCrash(failure: EmulatorCrashed, context: VariantContext | undefined): Explanation {
  const { crash, step, exitCode, log, dockerfile } = failure;
  const words = WORDS[crash.signature];
  return {
    headline: subject(context, `${words.headline(crash, context)} in ${step}`),
    facts: [
      ...(crash.line === undefined || log.includes(crash.line) ? [] : [crash.line]),
      ...(crash.isSilent === true
        ? [
            "nothing was heard of it after that, so it was ended: a step's first process hangs when it crashes under QEMU",
          ]
        : []),
      ...(exitCode === undefined ? [] : [`the step ended with exit code ${exitCode}`]),
      ...(dockerfile === undefined ? [] : [`at ${dockerfile.path}:${dockerfile.line}`]),
      ...whereBuilt(context),
    ],
    log,
    advice: words.advice(failure, context),
  };
}

/** Without the emulator's own line it is only the exit code that speaks. */
function mayBeNative({ line }: EmulatorCrash): readonly string[] {
  return line === undefined
    ? [
        "QEMU said nothing of it: if the stage is one of `FROM --platform=$BUILDPLATFORM`, it ran natively, and the fault is the program's.",
      ]
    : [];
}

function named(signal: number | undefined): string {
  if (signal === undefined) return "";
  const name = signalOf(128 + signal);
  return name === undefined ? ` (signal ${signal})` : ` (${name})`;
}

function targetOf(context: VariantContext | undefined): string {
  return context === undefined ? "" : ` of ${context.platform}`;
}
