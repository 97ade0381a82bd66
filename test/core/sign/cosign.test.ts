import { expect, test } from "vitest";
import type { SignSettings } from "../../../core/plan/plan.ts";
import { cosignEnvironment } from "../../../core/sign/cosign.ts";

const location = { file: { path: "plan", text: "" }, range: { start: 0, end: 0 } };
const ENV = { HOME: "/home/ada", COSIGN_PASSWORD: "another", KEY: "the key", PASS: "its password" };
const NAMED: SignSettings = {
  key: { kind: "env", variable: "KEY" },
  passwordEnv: "PASS",
  transparencyLog: true,
  location,
};

test("what signs gets the key and the password that the plan names", () => {
  expect(cosignEnvironment(ENV, NAMED, "private-key")).toEqual({
    HOME: "/home/ada",
    KEY: "the key",
    COSIGN_PASSWORD: "its password",
  });
});

test("what verifies gets neither", () => {
  expect(cosignEnvironment(ENV, NAMED, "public-key")).toEqual({ HOME: "/home/ada" });
});

test("a password that the plan does not name is not used, and not asked for", () => {
  const settings: SignSettings = { key: { kind: "file", path: "/k" }, transparencyLog: true, location };
  expect(cosignEnvironment(ENV, settings, "private-key")).toMatchObject({ COSIGN_PASSWORD: "" });
});

test("the password may be in cosign's own variable", () => {
  const settings: SignSettings = { ...NAMED, passwordEnv: "COSIGN_PASSWORD" };
  expect(cosignEnvironment(ENV, settings, "private-key")).toMatchObject({ COSIGN_PASSWORD: "another" });
  expect(cosignEnvironment(ENV, settings, "public-key")).not.toHaveProperty("COSIGN_PASSWORD");
});
