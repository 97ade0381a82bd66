import { expect, test } from "vitest";
import { isLoopback, realmAllowed } from "../../../core/registry/realm.ts";

test.for([
  // The world outside, by HTTPS.
  ["https://auth.example/token", "registry.example", false, true],
  ["https://203.0.113.7/token", "registry.example", false, true],
  // Plain HTTP only for a registry that is itself spoken to in plain HTTP.
  ["http://auth.example/token", "registry.example", false, false],
  ["http://auth.example/token", "registry.example", true, true],
  // Inward addresses, in every spelling, only where they are the registry itself.
  ["https://127.0.0.1/token", "registry.example", false, false],
  ["https://127.1/token", "registry.example", false, false],
  ["https://2130706433/token", "registry.example", false, false],
  ["https://localhost:5001/token", "localhost:5000", true, false],
  ["https://auth.localhost/token", "registry.example", false, false],
  ["https://localhost./token", "registry.example", false, false],
  ["https://172.20.1.1/token", "registry.example", false, false],
  ["https://100.100.0.1/token", "registry.example", false, false],
  ["https://[fd00::1]/token", "registry.example", false, false],
  ["https://[fe80::1]/token", "registry.example", false, false],
  ["https://[::ffff:127.0.0.1]/token", "registry.example", false, false],
  ["https://10.1.2.3:8443/token", "10.1.2.3:8443", false, true],
  ["https://10.1.2.3/token", "10.1.2.3:443", false, true],
  ["https://10.1.2.3:8444/token", "10.1.2.3:8443", false, false],
  // No login that the registry chose, and nothing that is not HTTP.
  ["https://user:pass@auth.example/token", "registry.example", false, false],
  ["ftp://auth.example/token", "registry.example", true, false],
] as const)("realm %s of %s (plain HTTP %s): %s", ([realm, host, plainHttp, allowed]) => {
  expect(realmAllowed(new URL(realm), { host, plainHttp })).toBe(allowed);
});

test.for([
  ["localhost", true],
  ["LOCALHOST", true],
  ["127.0.0.1", true],
  ["127.8.9.1", true],
  ["[::1]", true],
  ["::1", true],
  ["localhost.example", false],
  ["127.example.com", false],
  ["10.0.0.1", false],
] as const)("%s is loopback: %s", ([host, expected]) => {
  expect(isLoopback(host)).toBe(expected);
});
