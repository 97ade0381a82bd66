import { describe as group, expect, test } from "vitest";
import { describe, summarise } from "../../../cli/describe.ts";
import { exitCode, exitCodeOf } from "../../../cli/describe/exit-code.ts";
import { failureJson } from "../../../cli/describe/json.ts";
import { failuresOfEachKind } from "../../support/failures.ts";
import { MAKE_FAILED } from "../../support/run-events.ts";
import type { Emulator, VariantContext } from "../../../cli/describe/explanation.ts";
import type { Failure } from "../../../core/failure.ts";
import type { EmulatorCrash, EmulatorCrashed, StepFailed } from "../../../core/buildkit/buildkit.ts";

const PLAIN = { width: 100, colour: false };
const EMULATED: VariantContext = {
  variant: "app linux/arm64",
  platform: "linux/arm64",
  node: "managed",
  execution: "emulated",
};
const QEMU: Emulator = { name: "qemu-aarch64-static", version: "7.2.22", isFixed: true };
const NATIVE: VariantContext = { ...EMULATED, execution: "native" };
const KINDS: readonly Failure[] = Object.values(failuresOfEachKind("QUOTE"));

function redact(text: string): string {
  return text.replaceAll("hunter2", "***");
}

function step(changes: Partial<StepFailed>): Failure {
  return { kind: "step-failed", step: "[2/3] RUN make", message: "", log: [], ...changes };
}

group("the text of a failure", () => {
  test("a tag whose request got no answer may have moved; one that was refused has not", () => {
    const failed = failuresOfEachKind("QUOTE")["release-failed"];
    const cancelled: Failure = { ...failed, cause: { ...failed.cause, kind: "registry-cancelled" } };
    expect(describe(cancelled, PLAIN)).toContain("not known: registry.example/team/app:2");
    const denied: Failure = {
      ...failed,
      cause: { ...failed.cause, kind: "registry-denied", status: 403, codes: [] },
    };
    expect(describe(denied, PLAIN)).toContain("not moved: registry.example/team/app:2");
  });

  test.each(KINDS)("$kind", (failure) => {
    expect(describe(failure, { ...PLAIN, context: EMULATED })).toMatchSnapshot();
  });

  test.each(Object.values(failuresOfEachKind("\u001b[2J\u001b]0;x\u0007\r\u202eend")))(
    "$kind cannot steer the terminal",
    (failure) => {
      const text = describe(failure, { ...PLAIN, context: EMULATED }) + summarise(failure);
      expect(text).not.toMatch(/[^\n\P{Cc}]|\u202e/u);
    },
  );

  test("holds no secret", () => {
    for (const failure of Object.values(failuresOfEachKind("hunter2"))) {
      expect(describe(failure, { ...PLAIN, redact })).not.toContain("hunter2");
    }
  });

  test("is coloured only where asked", () => {
    for (const failure of KINDS) {
      expect(describe(failure, PLAIN)).not.toContain("\u001b");
      expect(describe(failure, { ...PLAIN, colour: true })).toContain("\u001b[31m");
    }
  });
});

group("advice for a build", () => {
  test.each([
    [
      "a missing emulator",
      step({ log: ["exec /bin/sh: exec format error"], exitCode: 1 }),
      EMULATED,
      /emulator is missing, run `buildx-plan doctor`/,
    ],
    [
      "a crash that QEMU tells",
      step({ log: ["qemu: uncaught target signal 11 (Segmentation fault) - core dumped"] }),
      EMULATED,
      /under QEMU's emulation of linux\/arm64 \(signal 11, Segmentation fault\)/,
    ],
    [
      "a secret that a step requires, and whose variable is not set",
      step({ message: "secret npm: not found" }),
      { ...NATIVE, unsetSecrets: [{ id: "npm", variable: "NPM_TOKEN" }] },
      /requires the secret `npm`, and the environment variable NPM_TOKEN is not set: set it, or let/,
    ],
    [
      "a secret that a step requires, and that the plan does not have",
      step({ message: "secret npm: not found" }),
      NATIVE,
      /requires the secret `npm`, and the plan passes none on: add it to `secrets`/,
    ],
    [
      "SIGILL under emulation",
      step({ exitCode: 132 }),
      EMULATED,
      /under QEMU's emulation of linux\/arm64 \(exit code 132, SIGILL\)/,
    ],
    [
      "a probe's crash, which may be no cause",
      step({ log: ["qemu: uncaught target signal 11 (Segmentation fault) - core dumped"], exitCode: 1 }),
      EMULATED,
      /the step went on, so that may be why it failed later, or not/,
    ],
    [
      "a loader or flag F that is missing",
      step({ log: ["exec /bin/sh: no such file or directory"], exitCode: 255 }),
      EMULATED,
      /lacks the program's loader .* or the node's emulator is registered without flag F/,
    ],
    [
      "flag F that is known to be missing",
      step({ log: ["exec /bin/sh: no such file or directory"], exitCode: 255 }),
      { ...EMULATED, emulator: { name: "qemu-aarch64", isFixed: false } },
      /hint: qemu-aarch64 is registered without flag F, so no container finds it: `buildx-plan doctor`/,
    ],
    [
      "a loader alone where flag F is there",
      step({ log: ["exec /bin/sh: no such file or directory"], exitCode: 255 }),
      { ...EMULATED, emulator: QEMU },
      /loader \(its C library is another\)\.$/,
    ],
    ["SIGBUS under emulation", step({ exitCode: 135 }), EMULATED, /under QEMU/],
    ["SIGSEGV under emulation", step({ exitCode: 139 }), EMULATED, /under QEMU.*SIGSEGV/],
    ["SIGSEGV without emulation", step({ exitCode: 139 }), NATIVE, /SIGSEGV\); it ran without emulation/],
    ["a kill", step({ exitCode: 137 }), NATIVE, /want of memory/],
    ["a full disk", step({ log: ["write: no space left on device"] }), NATIVE, /disk is full/],
    [
      "a platform that the base lacks",
      { kind: "solve-refused", message: "debian: no match for platform in manifest: not found" },
      NATIVE,
      /no variant for linux\/arm64/,
    ],
    [
      "a private base image",
      { kind: "solve-refused", message: "pull access denied, repository does not exist" },
      NATIVE,
      /docker login/,
    ],
    [
      "a daemon that says nothing",
      { kind: "solve-stalled", stallMs: 1000, log: [] },
      EMULATED,
      /BuildKit itself said nothing: check that the node is up/,
    ],
    [
      "a push that tells nothing",
      { kind: "solve-stalled", stallMs: 1000, step: "exporting to image", log: [] },
      NATIVE,
      /tells nothing of a push.*\n.*raise `stall`/,
    ],
    ["a timeout under emulation", { kind: "solve-timed-out", timeoutMs: 1000 }, EMULATED, /QEMU is slow/],
  ] as const)("recognises %s", (_, failure, context, advice) => {
    expect(describe(failure, { ...PLAIN, context })).toMatch(advice);
  });

  test("is not given where nothing is known", () => {
    expect(describe(MAKE_FAILED, { ...PLAIN, context: EMULATED })).not.toContain("hint:");
    expect(describe(step({ exitCode: 1 }), { ...PLAIN, context: EMULATED })).not.toContain("QEMU");
  });
});

group("a crash of the emulator", () => {
  const line = "qemu: uncaught target signal 11 (Segmentation fault) - core dumped";
  const crashed = (crash: EmulatorCrash, changes: Partial<EmulatorCrashed> = {}): string =>
    describe(
      { kind: "emulator-crashed", crash, step: "[2/3] RUN make", log: [], ...changes },
      { ...PLAIN, context: { ...EMULATED, emulator: QEMU } },
    );

  test.each<[string, EmulatorCrash, Partial<EmulatorCrashed>]>([
    ["by a signal", { signature: "signal", signal: 11, line }, { exitCode: 139, log: [line] }],
    ["that fell silent", { signature: "signal", signal: 11, line, isSilent: true }, { log: [line] }],
    ["that only the exit code tells", { signature: "signal", signal: 7 }, { exitCode: 135 }],
    ["by an unknown instruction", { signature: "illegal-instruction", signal: 4, line }, { exitCode: 132 }],
    ["before it began", { signature: "exec-format", line: "exec /x: exec format error" }, { exitCode: 1 }],
    ["while it was written", { signature: "text-busy", line: "exec /x: text file busy" }, { exitCode: 1 }],
  ])("%s", (_, crash, changes) => {
    expect(crashed(crash, changes)).toMatchSnapshot();
  });

  test("of another machine is told without a version", () => {
    const failure: Failure = { kind: "emulator-crashed", crash: { signature: "signal" }, step: "x", log: [] };
    expect(describe(failure, { ...PLAIN, context: EMULATED })).toMatchSnapshot();
  });

  test("is the CPU's own where nothing is emulated", () => {
    const failure: Failure = {
      kind: "emulator-crashed",
      crash: { signature: "exec-format", line: "exec /x: exec format error" },
      step: "[2/3] RUN make",
      log: [],
    };
    expect(describe(failure, { ...PLAIN, context: NATIVE })).toContain(
      "the CPU cannot run a program in [2/3] RUN make",
    );
  });
});

group("advice for a builder", () => {
  const unreachable = { ...failuresOfEachKind("")["builder-unreachable"], address: "tcp://10.0.0.2:1234" };

  test.each([
    "Unavailable: write tcp 10.0.0.1:32834->10.0.0.2:1234: write: broken pipe",
    "remote error: tls: certificate required",
    "read: connection reset by peer",
    "error reading server preface: EOF",
  ])("that may want a client certificate: %s", (detail) => {
    expect(describe({ ...unreachable, detail }, PLAIN).replaceAll(/\s+/g, " ")).toContain(
      "give it with `tls: { ca, cert, key }` under `builders`",
    );
  });

  test("that is not there says nothing of certificates", () => {
    const refused: Failure = {
      ...unreachable,
      detail: "dial tcp 10.0.0.2:1234: connect: connection refused",
    };
    expect(describe(refused, PLAIN)).not.toContain("certificate");
    const socket: Failure = { ...unreachable, address: "unix:///run/x.sock", detail: "EOF" };
    expect(describe(socket, PLAIN)).not.toContain("certificate");
  });
});

group("advice for a registry", () => {
  const kinds = failuresOfEachKind("");
  const denied = kinds["registry-denied"];
  const { credential: _, ...anonymous } = denied;
  const rejected = kinds["registry-rejected"];
  const read = { ...denied.request, method: "GET" };

  test.each<[string, Failure, RegExp]>([
    [
      "401 without credentials",
      { ...anonymous, status: 401 },
      /hint: Log in, then run again: docker login registry\.example$/,
    ],
    [
      "401 with credentials",
      { ...denied, status: 401 },
      /not accepted: log in anew with docker login registry\.example/,
    ],
    ["403 on writing", denied, /write permission/],
    ["403 on reading", { ...denied, request: read }, /may not read/],
    ["429", { ...rejected, status: 429 }, /limits requests/],
    ["413", { ...rejected, status: 413 }, /limits the size/],
    [
      "an unknown name",
      { ...kinds["registry-unreachable"], detail: "getaddrinfo ENOTFOUND" },
      /was not found: check its spelling/,
    ],
    [
      "a closed port",
      { ...kinds["registry-unreachable"], detail: "connect ECONNREFUSED" },
      /is the registry running/,
    ],
    [
      "a private CA",
      kinds["registry-tls-failed"],
      /`registries` in the plan, or in NODE_EXTRA_CA_CERTS; plain HTTP is spoken with loopback addresses/,
    ],
    [
      "BuildKit's 401",
      { ...kinds["push-failed"], message: "unexpected status: 401 Unauthorized" },
      /docker login registry\.example/,
    ],
    ["BuildKit's 403", { ...kinds["push-failed"], message: "denied: requested access" }, /write permission/],
    [
      "BuildKit's TLS",
      { ...kinds["push-failed"], message: "x509: certificate signed by unknown authority" },
      /buildkitd\.toml \(`\[registry\."registry\.example"\]`, `ca`\), or write `push: client`/,
    ],
    [
      "BuildKit's plain HTTP",
      { ...kinds["push-failed"], message: "http: server gave HTTP response to HTTPS client" },
      /speaks plain HTTP: write `insecure: true`/,
    ],
  ])("recognises %s", (_, failure, advice) => {
    expect(describe(failure, PLAIN)).toMatch(advice);
  });

  test.each(["./out.tar", "../out", "/srv/out", "~/out"])("tells how a layout at %s is named", (text) => {
    const failure: Failure = { kind: "reference-invalid", problem: "malformed", text };
    expect(describe(failure, PLAIN)).toContain(`oci-layout://${text}`);
    expect(describe({ ...failure, text: "a//b" }, PLAIN)).not.toContain("oci-layout");
  });

  test("names registry, request, attempts and the registry's own words", () => {
    const text = describe({ ...denied, request: { ...denied.request, attempts: 3 } }, PLAIN);
    expect(text).toContain("PUT https://registry.example/v2/team/app/manifests/1.2 (3 attempts)");
    expect(text).toContain("status 403");
    expect(text).toContain("DENIED");
  });
});

group("the exit code", () => {
  test.each<[number, readonly Failure["kind"][]]>([
    [1, ["step-failed", "solve-refused", "solve-timed-out", "result-missing"]],
    [2, ["plan-not-found", "plan-too-large", "plan-invalid", "override-invalid"]],
    [2, ["init-nothing-found", "init-unusable", "init-exists", "init-unwritable"]],
    [
      3,
      [
        "push-failed",
        "confirm-unreadable",
        "registry-denied",
        "registry-unreachable",
        "digest-mismatch",
        "registry-tls-failed",
      ],
    ],
    [2, ["layout-missing", "layout-content-missing"]],
    [3, ["layout-inaccessible"]],
    [4, ["layout-invalid", "layout-content-damaged"]],
    [4, ["platform-mismatch", "document-invalid"]],
    [
      5,
      [
        "tool-missing",
        "builder-unreachable",
        "builder-not-found",
        "route-refused",
        "managed-not-started",
        "install-failed",
        "node-lost",
      ],
    ],
    [130, ["connect-cancelled", "solve-cancelled", "registry-cancelled", "install-cancelled"]],
    [130, ["layout-cancelled"]],
  ])("%i", (code, kinds) => {
    const all = failuresOfEachKind("");
    expect(kinds.map((kind) => exitCode(all[kind]))).toEqual(kinds.map(() => code));
  });

  test("of several failures is that of the first that is not only a cancellation", () => {
    const { "solve-cancelled": cancelled, "push-failed": push, "step-failed": step } = failuresOfEachKind("");
    expect(exitCodeOf([cancelled, push, step])).toBe(3);
    expect(exitCodeOf([cancelled, cancelled])).toBe(130);
    expect(exitCodeOf([])).toBe(0);
  });
});

group("the machine's form", () => {
  test("has the kind and plain facts of every failure", () => {
    expect(KINDS.map(failureJson)).toMatchSnapshot();
  });

  test("holds no text of the plan and nothing of a build's settings", () => {
    const text = JSON.stringify(KINDS.map(failureJson));
    expect(text).not.toContain("plan-text");
    expect(text).not.toContain('dockerfile":"/');
    expect(text).not.toContain("context");
  });
});
