import type { TestFailed } from "../../core/smoke/smoke.ts";
import { formatDuration } from "../text/units.ts";
import { unreachable } from "../unreachable.ts";
import { buildAdvice } from "./advice.ts";
import type { Explanation, VariantContext } from "./explanation.ts";

/** Why a variant did not pass its test, in words: what was run and where, what was expected, what it printed. */
export function explainTest(failure: TestFailed, context?: VariantContext): Explanation {
  const { variant, command, node, execution, detail, log } = failure;
  const happened = `its test ${whatHappened(failure)}`;
  return {
    headline: context === undefined ? happened : `${variant}: ${happened}`,
    facts: [
      `command: ${command}`,
      `on node ${node}, ${execution}`,
      `expected: ${expectation(failure)}`,
      ...(detail === undefined || log.includes(detail) ? [] : detail.split(/\r?\n/)),
      ...(log.length === 0 ? ["it printed nothing"] : []),
    ],
    log,
    advice: adviceFor(failure),
  };
}

function whatHappened({ reason, exitCode, expected }: TestFailed): string {
  switch (reason) {
    case "timeout":
      return `took longer than ${formatDuration(expected.timeoutMs)}`;
    case "output":
      return "did not print what it should";
    case "exit-code":
      return exitCode === undefined ? "could not be run" : `ended with exit code ${exitCode}`;
    default:
      return unreachable(reason);
  }
}

function expectation({ expected }: TestFailed): string {
  const text = expected.output === undefined ? "" : `, and this text in its output: ${expected.output}`;
  return `exit code ${expected.exitCode}${text}`;
}

function adviceFor(failure: TestFailed): readonly string[] {
  const { reason, exitCode, execution, variant, node, log, detail = "", expected } = failure;
  if (reason === "timeout")
    return [
      `Raise \`test.timeout\`${execution === "emulated" ? "; emulated programs are many times slower" : ""}, or test less: the time to fetch the image counts, too.`,
    ];
  if (reason === "output")
    return [
      "Mend the image, or `test.output`: the text is looked for as it is, capitals and spaces included.",
    ];
  if (/no such file|not found/i.test(detail))
    return [
      "The image has no such program, or the program needs a loader that the image does not have: a test starts what it names without the ENTRYPOINT, and a line needs the image's shell.",
    ];
  const known = buildAdvice({
    text: [detail, ...log].join("\n"),
    exitCode,
    context: { variant, platform: variant.split(" ").at(-1) ?? "", node, execution },
  });
  if (known.length > 0) return known;
  const other = exitCode === undefined ? [] : [`, or \`test.exit-code\` (now ${expected.exitCode})`];
  return [
    `Mend the image, or the command of \`test\`${other.join("")}; what was built is kept in the cache.`,
  ];
}
