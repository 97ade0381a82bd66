import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { startFakeRegistry, type FakeRegistry, type FakeRegistryOptions } from "./fake-registry.ts";
import { openRegistry, type RegistryOptions } from "../../core/registry/client.ts";
import type { Registry } from "../../core/registry/registry.ts";

/** A client whose waits are only written down, with a clock that the waits and the test move. */
export interface TestClient {
  readonly registry: Registry;
  readonly waitsMs: readonly number[];
  readonly advance: (ms: number) => void;
}

/** Starts a fake registry that ends with the test. */
export async function fakeRegistry(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
  const fake = await startFakeRegistry(options);
  onTestFinished(() => fake.close());
  return fake;
}

/** Opens a client that ends with the test; `logins` become its Docker config file's `auths`. */
export async function testClient(
  options: Partial<RegistryOptions> & { readonly logins?: Readonly<Record<string, object>> } = {},
): Promise<TestClient> {
  const home = await temporaryFolder();
  await mkdir(join(home, ".docker"));
  await writeFile(join(home, ".docker", "config.json"), JSON.stringify({ auths: options.logins ?? {} }));
  const waitsMs: number[] = [];
  let nowMs = Date.now();
  const registry = openRegistry({
    env: { PATH: process.env["PATH"] },
    home,
    userAgent: "buildx-plan/test",
    access: "write",
    timeouts: { connectMs: 2_000, headersMs: 2_000, bodyMs: 2_000 },
    timing: {
      now: () => nowMs,
      random: () => 0.5,
      sleep: async (ms) => {
        waitsMs.push(ms);
        nowMs += ms;
      },
    },
    ...options,
  });
  onTestFinished(() => registry.close());
  return {
    registry,
    waitsMs,
    advance: (ms) => {
      nowMs += ms;
    },
  };
}

/** A folder that is removed with the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "buildx-plan-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
