/**
 * What to do about a failed build or push: BuildKit passes on text of the kernel, of programs in the image and of registries,
 * so this is where known sentences are recognised. The first rule of a cause that applies is taken; nothing is guessed.
 */
import type { VariantContext } from "./explanation.ts";

interface BuildFacts {
  /** Message and log of what failed. */
  readonly text: string;
  readonly exitCode: number | undefined;
  readonly context: VariantContext | undefined;
}

interface Rule {
  readonly applies: (facts: BuildFacts) => boolean;
  readonly advice: (facts: BuildFacts) => readonly string[];
}

/** Exit codes of a shell for a child that a signal ended (128 + n), where the signal is the kind that a CPU or its emulator raises. */
const CRASHES: Readonly<Record<number, string>> = {
  132: "SIGILL",
  133: "SIGTRAP",
  134: "SIGABRT",
  135: "SIGBUS",
  136: "SIGFPE",
  139: "SIGSEGV",
};
const QEMU_SIGNAL = /qemu: uncaught target signal (\d+)(?: \(([^)]*)\))?/;

const CPU_RULES: readonly Rule[] = [
  {
    applies: ({ text }) => /exec format error/i.test(text),
    advice: ({ context }) => execFormatAdvice(context),
  },
  {
    applies: ({ text, context }) =>
      context?.execution === "emulated" && /^exec \S+: no such file or directory$/m.test(text),
    advice: ({ context }) => [missingAdvice(context)],
  },
  {
    applies: ({ exitCode, context }) => context?.execution === "emulated" && signalOf(exitCode) !== undefined,
    advice: ({ exitCode, context }) => [
      `The program crashed under QEMU's emulation${targetOf(context)} (exit code ${exitCode}, ${signalOf(exitCode)}), and may be in order on the CPU itself.`,
      otherQemu(context),
    ],
  },
  {
    applies: ({ text }) => QEMU_SIGNAL.test(text),
    advice: ({ text, context }) => {
      const [, signal = "", name = "crash"] = QEMU_SIGNAL.exec(text) ?? [];
      return [
        `A program crashed under QEMU's emulation${targetOf(context)} (signal ${signal}, ${name}); the step went on, so that may be why it failed later, or not.`,
        otherQemu(context),
      ];
    },
  },
  {
    applies: ({ exitCode }) => signalOf(exitCode) !== undefined,
    advice: ({ exitCode }) => [
      `The program crashed (exit code ${exitCode} is ${signalOf(exitCode)}); it ran without emulation.`,
    ],
  },
  {
    applies: ({ exitCode, text }) => exitCode === 137 || /cannot allocate memory|out of memory/i.test(text),
    advice: () => [
      "The kernel ended it, most often for want of memory (exit code 137 is SIGKILL): give the node more, or lower its `max-parallelism`.",
    ],
  },
  {
    applies: ({ exitCode }) => exitCode === 127,
    advice: () => ["Exit code 127 means command not found: the image has no such program at this step."],
  },
];

/** BuildKit's words where `required=true` stands at a mount, and nobody passes the secret on. */
const SECRET_MISSING = /\bsecret (\S+): not found/;

const WORLD_RULES: readonly Rule[] = [
  {
    applies: ({ text }) => /no space left on device/i.test(text),
    advice: () => [
      "The node's disk is full: `buildctl prune` or `docker buildx prune` frees its cache; `buildx-plan doctor` shows the disk.",
    ],
  },
  {
    applies: ({ text }) => /no match for platform in manifest|no matching manifest for/i.test(text),
    advice: ({ context }) => [
      `A base image has no variant for ${context?.platform ?? "this platform"}: \`buildx-plan inspect IMAGE\` lists those that it has.`,
    ],
  },
  {
    applies: ({ text }) => /failed to read dockerfile|dockerfile.*no such file/i.test(text),
    advice: () => ["Check `dockerfile` in the plan: it is read relative to `context`."],
  },
  {
    applies: ({ text }) =>
      /pull access denied|insufficient_scope|401 Unauthorized|authorization failed/i.test(text),
    advice: () => [
      "A base image needs a login, or its name is wrong: `docker login HOST` for its registry, then run again.",
    ],
  },
  {
    applies: ({ text }) => SECRET_MISSING.test(text),
    advice: ({ text, context }) => [secretAdvice(SECRET_MISSING.exec(text)?.[1] ?? "", context)],
  },
  {
    applies: ({ text }) => /temporary failure in name resolution|could not resolve|no such host/i.test(text),
    advice: () => [
      "A host name was not found: check the network, DNS and proxy of the node, not only of this machine.",
    ],
  },
];

/** Advice for a build that failed; empty where nothing known was recognised. */
export function buildAdvice(facts: BuildFacts): readonly string[] {
  return [CPU_RULES, WORLD_RULES].flatMap(
    (rules) => rules.find((rule) => rule.applies(facts))?.advice(facts) ?? [],
  );
}

const PUSH_RULES: readonly (readonly [RegExp, (registry: string) => string])[] = [
  [
    /no space left/i,
    () => "A disk is full: the registry's, or the node's (`buildx-plan doctor` shows that one).",
  ],
  [/\b401\b|unauthorized|authentication required|authorization failed/i, (registry) => loginAdvice(registry)],
  [
    /\b403\b|denied|forbidden|insufficient_scope/i,
    (registry) =>
      `The account may not push there: ask for write permission, or \`docker login ${registry}\` with another one.`,
  ],
  [
    /"http:[^"]*": (EOF|net\/http: HTTP\/1\.x transport connection broken|malformed HTTP)/i,
    (registry) =>
      `BuildKit speaks plain HTTP with loopback addresses, and got no answer in it: if ${registry} speaks TLS, push to it by a name that is not loopback, or write \`push: client\` in the plan.`,
  ],
  [
    /HTTP response to HTTPS/i,
    (registry) =>
      `${registry} speaks plain HTTP: write \`insecure: true\` for it under \`registries\` in the plan.`,
  ],
  [/x509|certificate|tls:/i, (registry) => builderTlsAdvice(registry)],
  [
    /\b429\b|too many requests|toomanyrequests/i,
    (registry) => `${registry} limits requests: wait, then run again.`,
  ],
  [
    /connection refused|no such host|i\/o timeout|network is unreachable|connection reset/i,
    (registry) =>
      `Check that the node itself reaches ${registry}: it pushes, not this machine. A loopback address means the node's own.`,
  ],
];

/** Advice for a push by BuildKit that failed, from what the registry or the network said. */
export function pushAdvice(message: string, registry: string): readonly string[] {
  const rule = PUSH_RULES.find(([pattern]) => pattern.test(message));
  return [rule?.[1](registry) ?? "Nothing was tagged. Run again: what was built comes from the cache."];
}

/** What to do where a build took too long: under emulation that may be a hang, which BuildKit does not notice. */
export function timeoutAdvice(context: VariantContext | undefined): readonly string[] {
  const raise = "If it only needs longer, raise `timeout` for this platform in the plan.";
  return context?.execution === "emulated"
    ? ["QEMU is slow, and programs can hang under it: a native node under `builders` mends both.", raise]
    : [raise];
}

/** What to do where a build fell silent: a program that hangs under emulation looks like one that thinks. */
export function stallAdvice(
  step: string | undefined,
  context: VariantContext | undefined,
): readonly string[] {
  if (step === undefined)
    return [
      "BuildKit itself said nothing: check that the node is up and can be reached (`buildx-plan doctor`).",
    ];
  const raise =
    "If its steps are silent for so long by themselves, raise `stall` for this platform in the plan.";
  if (step.startsWith("exporting "))
    return [
      "BuildKit tells nothing of a push while it goes on: a large layer on a slow line looks like this.",
      raise,
    ];
  return context?.execution === "emulated"
    ? ["Programs can hang under QEMU without an error: a native node under `builders` mends that.", raise]
    : [raise];
}

/** What to do where no login was tried, or none is known. */
export function loginAdvice(registry: string): string {
  return `Log in, then run again: docker login ${registry}`;
}

/** What to do where TLS failed. */
export function tlsAdvice(registry: string): string {
  return `If ${registry} has a private CA, name its certificate as \`ca\` under \`registries\` in the plan, or in NODE_EXTRA_CA_CERTS; plain HTTP is spoken with loopback addresses, and where the plan says \`insecure: true\`.`;
}

/** Only the managed BuildKit is configured by the plan; any other keeps what it was given when it was set up. */
function builderTlsAdvice(registry: string): string {
  return `BuildKit itself has to know the certificate of ${registry}: \`registries\` in the plan tells the managed one; with any other, name it in its buildkitd.toml (\`[registry."${registry}"]\`, \`ca\`), or write \`push: client\` in the plan.`;
}

/** What to do where a program cannot even be started. */
export function execFormatAdvice(context: VariantContext | undefined): readonly string[] {
  const look = "look for a FROM pinned to one platform's digest, or a default given to ARG TARGETARCH.";
  if (context?.emulator?.isFixed === true)
    return [
      `The emulator of ${context.platform} is there, so the program is of another architecture: ${look}`,
    ];
  const target = context === undefined ? "" : ` as ${context.platform}`;
  return [
    `The CPU cannot run this program${target}: its emulator is missing, run \`buildx-plan doctor\`.`,
    `If the emulator is there, the program is of another architecture than the image: ${look}`,
  ];
}

/** What to do where it is the emulator that may be at fault. */
export function otherQemu(context: VariantContext | undefined): string {
  const { name, version } = context?.emulator ?? {};
  const other =
    name === undefined
      ? "another version of QEMU: `buildx-plan doctor` shows which one is used"
      : `another version of QEMU: this one is ${name}${version === undefined ? "" : ` ${version}`}`;
  return `Build it on a native node (\`builders\` in the plan), or try ${other}.`;
}

/** runc has found the file: it is what runs it that the kernel misses. */
function missingAdvice(context: VariantContext | undefined): string {
  const emulator = context?.emulator;
  if (emulator?.isFixed === false)
    return `${emulator.name} is registered without flag F, so no container finds it: \`buildx-plan doctor\` gives the command that mends it.`;
  const loader = "the image lacks the program's loader (its C library is another)";
  return emulator === undefined
    ? `The program is there, but not what runs it: ${loader}, or the node's emulator is registered without flag F, which \`buildx-plan doctor\` there tells.`
    : `The program is there, but not what runs it: ${loader}.`;
}

function secretAdvice(id: string, context: VariantContext | undefined): string {
  const unset = context?.unsetSecrets?.find((secret) => secret.id === id);
  if (unset === undefined)
    return `This step requires the secret \`${id}\`, and the plan passes none on: add it to \`secrets\`.`;
  const why =
    unset.variable === undefined
      ? "its variable has no value: give it one with --set"
      : `the environment variable ${unset.variable} is not set: set it`;
  return `This step requires the secret \`${id}\`, and ${why}, or let the step do without (\`required=true\` off its mount).`;
}

function targetOf(context: VariantContext | undefined): string {
  return context === undefined ? "" : ` of ${context.platform}`;
}

/** Name of the signal that a shell's exit code tells of. */
export function signalOf(exitCode: number | undefined): string | undefined {
  return exitCode === undefined ? undefined : CRASHES[exitCode];
}
