import { expect, test } from "vitest";
import { isRegistryName, registryKey } from "../../../core/oci/registry-name.ts";

test.each([
  "registry.example",
  "registry.example:5000",
  "Registry.Example",
  "localhost",
  "localhost:5000",
  "127.0.0.1:5000",
  "[fd00::1]:5000",
  "docker.io",
  "index.docker.io",
  "registry-1.docker.io",
  "host:80",
])("%s is the name of a registry", (name) => {
  expect(isRegistryName(name)).toBe(true);
});

test.each([
  "",
  "team",
  "registry.example/team",
  "https://registry.example",
  "registry.example:port",
  "registry.example:70000",
  "[fd00:::1]:5000",
  "registry..example",
  "ada@registry.example",
  "registry.example ",
  "../certs.d",
])("%j is none", (name) => {
  expect(isRegistryName(name)).toBe(false);
});

test.each([
  ["Registry.Example", "registry.example"],
  ["registry.example:443", "registry.example"],
  ["[FD00:0::1]:5000", "[fd00::1]:5000"],
  ["docker.io", "index.docker.io"],
  ["docker.io", "registry-1.docker.io"],
])("%s and %s are one registry", (one, other) => {
  expect(registryKey(one)).toBe(registryKey(other));
});

test.each([
  ["registry.example:80", "registry.example"],
  ["registry.example:5000", "registry.example:5001"],
  ["a.example", "b.example"],
])("%s and %s are two", (one, other) => {
  expect(registryKey(one)).not.toBe(registryKey(other));
});
