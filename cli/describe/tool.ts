import { formatPlatformFull } from "../../platforms/platform.ts";
import { namePosition } from "./source-frame.ts";
import { unreachable } from "../unreachable.ts";
import type { Explanation } from "./explanation.ts";
import type { ToolFailure } from "../../core/buildkit/buildkit.ts";
import type { InstallFailure, InstallFailed } from "../../core/buildkit/install.ts";
import type { RefusalReason, RouteRefused } from "../../core/route/route.ts";

/** Why nothing can be built here, in words, and how to mend it. */
export function explainTool(failure: ToolFailure): Explanation {
  switch (failure.kind) {
    case "connect-cancelled":
      return { headline: "interrupted; nothing was built", facts: [], advice: [] };
    case "tool-missing":
      return {
        headline: `${failure.tool} was not found`,
        facts: [`needed for: ${failure.neededFor}`],
        advice: [failure.install],
      };
    case "builder-unreachable":
      return {
        headline: `builder ${failure.builder} does not answer`,
        facts: [`at ${failure.address}`, ...failure.detail.split(/\r?\n/)],
        advice: [
          ...(asksForCertificate(failure)
            ? [
                "It took the connection and closed it, as a daemon does that wants a client certificate, or another one: give it with `tls: { ca, cert, key }` under `builders`.",
              ]
            : []),
          "Check that it runs and can be reached from here (`buildx-plan doctor`), or name another one under `builders`.",
        ],
      };
    case "builder-not-found":
      return {
        headline: `there is no builder named ${failure.builder}`,
        facts: [`known: ${failure.known.length === 0 ? "none" : failure.known.join(", ")}`],
        advice: [
          "Check the name against `docker buildx ls`, or create it with `docker buildx create --name NAME`.",
        ],
      };
    case "builder-unsuitable":
      return {
        headline: `builder ${failure.builder} cannot do what is needed`,
        facts: failure.detail.split(/\r?\n/),
        advice: failure.waysOut,
      };
    case "managed-not-started":
      return {
        headline: "the managed BuildKit did not start",
        facts: failure.detail.split(/\r?\n/),
        log: failure.log,
        advice: [failure.mend],
      };
    default:
      return unreachable(failure);
  }
}

/**
 * May a client certificate be what is missing? In TLS 1.3 the daemon refuses after the handshake: whether the client reads its
 * alert, or finds the connection closed when it writes first, is chance.
 * @see RFC 8446, 4.4.2.4 and 6.2
 */
function asksForCertificate({
  address,
  detail,
}: Extract<ToolFailure, { readonly kind: "builder-unreachable" }>): boolean {
  const isNetwork = address.startsWith("tcp://");
  return (
    isNetwork &&
    /certificate required|bad certificate|unknown certificate authority|broken pipe|connection reset|\bEOF\b/.test(
      detail,
    )
  );
}

/** Why a tool could not be installed, in words: every source that was tried, and why not. */
export function explainInstall(failure: InstallFailure): Explanation {
  if (failure.kind === "install-cancelled") {
    return { headline: `interrupted while installing ${failure.tool}`, facts: [], advice: [] };
  }
  return {
    headline: `${failure.tool} could not be installed`,
    facts: failure.attempts.map(({ source, reason }) => `${SOURCES[source]}: ${reason}`),
    advice: [
      `Mend one of these and run \`buildx-plan setup\` again, or put ${failure.tool} on the PATH yourself.`,
    ],
  };
}

const SOURCES: Readonly<Record<InstallFailed["attempts"][number]["source"], string>> = {
  path: "on the PATH",
  installed: "installed before",
  archive: "from the release archive",
  go: "built with Go",
};

/** Why no node may build a variant, in words: every node with its reason. */
export function explainRefusal({ variant, considered }: RouteRefused): Explanation {
  const platform = formatPlatformFull(variant.platform);
  const nodes = considered.map(({ node, why }) => `${node}: ${REASONS[why](platform)}`);
  const { builders } = variant;
  return {
    headline: `no node may build ${variant.id}`,
    facts: [
      `at ${namePosition(variant.location)}`,
      ...(builders === undefined ? [] : [`the plan gives it to: ${builders.join(", ")}`]),
      ...(nodes.length === 0 ? ["there are no nodes"] : nodes),
    ],
    advice: refusalAdvice(
      considered.map(({ why }) => why),
      platform,
    ),
  };
}

const REASONS: Readonly<Record<RefusalReason, (platform: string) => string>> = {
  unsupported: (platform) => `does not build for ${platform}, neither natively nor emulated`,
  "would-emulate": (platform) => `would emulate ${platform}, which \`emulation: never\` forbids`,
  "would-run-natively": (platform) => `runs ${platform} natively, which \`emulation: only\` forbids`,
  "not-permitted": () => "is none of the `builders` that the plan names for it",
  lost: () => "does not answer",
};

function refusalAdvice(reasons: readonly RefusalReason[], platform: string): readonly string[] {
  return [
    ...(reasons.includes("would-emulate")
      ? ["Set `emulation: allow`, or add a native node under `builders`."]
      : []),
    ...(reasons.includes("would-run-natively") ? ["Set `emulation: allow` to build natively."] : []),
    ...(reasons.includes("lost")
      ? [
          "Bring the node back that does not answer (`buildx-plan doctor` tells which do), or take it out of `builders`.",
        ]
      : []),
    ...(reasons.includes("not-permitted")
      ? [
          `Name a builder that may build ${platform} in its \`builders\` (with \`--builder\`, that one), or leave \`builders\` out.`,
        ]
      : []),
    ...(reasons.every((why) => why === "unsupported")
      ? [
          `Add a node for ${platform} under \`builders\`, or install its emulator: \`buildx-plan doctor\` gives the command.`,
        ]
      : []),
  ];
}
