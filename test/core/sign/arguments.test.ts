import { describe, expect, test } from "vitest";
import type { RegistrySettings, SignSettings } from "../../../core/plan/plan.ts";
import { signArguments, verifyArguments } from "../../../core/sign/arguments.ts";

const location = { file: { path: "plan", text: "" }, range: { start: 0, end: 0 } };
const REPOSITORY = { registry: "registry.example", references: ["registry.example/app@sha256:aa"] };
const FILES = { signingConfig: "/tmp/config.json", publicKey: "/tmp/cosign.pub" };

function settings(key: SignSettings["key"], more: Partial<SignSettings> = {}): SignSettings {
  return { key, transparencyLog: true, location, ...more };
}

function signing(which: SignSettings, major: number, registries: readonly RegistrySettings[] = []) {
  return signArguments(which, REPOSITORY, { major, files: FILES, registries }).join(" ");
}

describe("cosign sign", () => {
  test.each([
    ["a file", settings({ kind: "file", path: "/p/cosign.key" }), " --key=/p/cosign.key"],
    ["a service", settings({ kind: "uri", uri: "awskms:///alias/x" }), " --key=awskms:///alias/x"],
    ["a variable, by its name alone", settings({ kind: "env", variable: "KEY" }), " --key=env://KEY"],
    ["nothing", settings({ kind: "keyless" }), ""],
  ])("with %s", (_, which, key) => {
    expect(signing(which, 3)).toBe(`sign --yes${key} registry.example/app@sha256:aa`);
  });

  test.each([
    [2, "--tlog-upload=false"],
    [3, "--signing-config=/tmp/config.json"],
    [4, "--signing-config=/tmp/config.json"],
  ])("version %i without a log", (major, option) => {
    const which = settings({ kind: "file", path: "/k" }, { transparencyLog: false });
    expect(signing(which, major)).toBe(`sign --yes --key=/k ${option} registry.example/app@sha256:aa`);
  });

  test("is told how the plan reaches the registry, and no other", () => {
    const at = (registry: string): RegistrySettings[] => [
      { registry, insecure: true, ca: "/ca", cert: "/cert", key: "/key", location },
    ];
    const which = settings({ kind: "file", path: "/k" });
    expect(signing(which, 3, at("registry.example"))).toBe(
      "sign --yes --key=/k --allow-insecure-registry --allow-http-registry --registry-cacert=/ca " +
        "--registry-client-cert=/cert --registry-client-key=/key registry.example/app@sha256:aa",
    );
    expect(signing(which, 3, at("other.example"))).toBe(signing(which, 3));
  });
});

describe("cosign verify", () => {
  const verifying = (which: SignSettings, files = FILES): string =>
    verifyArguments(which, REPOSITORY, { files, registries: [] }).join(" ");

  test.each([
    ["a key", settings({ kind: "file", path: "/k" }), "--key=/tmp/cosign.pub"],
    [
      "a key and no log",
      settings({ kind: "env", variable: "K" }, { transparencyLog: false }),
      "--key=/tmp/cosign.pub --insecure-ignore-tlog=true",
    ],
    [
      "who must have signed",
      settings({ kind: "keyless" }, { identity: "https://ci.example/a.b", issuer: "https://token.example" }),
      "--certificate-identity=https://ci.example/a.b --certificate-oidc-issuer=https://token.example",
    ],
    [
      "whoever has signed, where the plan does not say",
      settings({ kind: "keyless" }),
      "--certificate-identity-regexp=.* --certificate-oidc-issuer-regexp=.*",
    ],
  ])("with %s", (_, which, options) => {
    expect(verifying(which)).toBe(`verify ${options} registry.example/app@sha256:aa`);
  });

  test("asks a key service for the public key, unless the plan has it", () => {
    const service = settings({ kind: "uri", uri: "awskms:///alias/x" });
    const { publicKey: _, ...files } = FILES;
    const argv = verifyArguments(service, REPOSITORY, { files, registries: [] });
    expect(argv).toContain("--key=awskms:///alias/x");
    expect(verifying(service)).toContain("--key=/tmp/cosign.pub");
  });
});
