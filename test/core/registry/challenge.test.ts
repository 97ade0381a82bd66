import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  chooseDemand,
  missingScope,
  parseChallenges,
  type Demand,
} from "../../../core/registry/challenge.ts";

const bearer = { realm: "https://auth.example/t", service: "reg" };

test.for([
  ['Bearer realm="https://auth.example/t",service="reg"', [{ scheme: "bearer", params: bearer }]],
  ['bEARER  REALM="https://auth.example/t" , Service = reg ', [{ scheme: "bearer", params: bearer }]],
  ['Basic realm="a \\"quoted\\" \\\\ name"', [{ scheme: "basic", params: { realm: 'a "quoted" \\ name' } }]],
  ['Basic realm="x, y=z"', [{ scheme: "basic", params: { realm: "x, y=z" } }]],
  ["Basic realm=/", [{ scheme: "basic", params: { realm: "/" } }]],
  ["Basic", [{ scheme: "basic", params: {} }]],
  ["Negotiate dG9rZW4=", [{ scheme: "negotiate", params: {} }]],
  [
    "Negotiate, Basic realm=x",
    [
      { scheme: "negotiate", params: {} },
      { scheme: "basic", params: { realm: "x" } },
    ],
  ],
  [
    "Basic realm=x, Digest realm=y",
    [
      { scheme: "basic", params: { realm: "x" } },
      { scheme: "digest", params: { realm: "y" } },
    ],
  ],
  ["", []],
] as const)("reads %s", ([header, expected]) => {
  expect(parseChallenges([header])).toEqual(expected);
});

test.for([
  'Bearer realm="https://auth.example/t',
  'Bearer realm="https://auth.example/t" service="reg"',
  'Bearer realm="https://auth.example/t",service',
  'Bearer realm="https://auth.example/t",service=',
  'Bearer realm="https://auth.example/t",realm="https://evil.example/t"',
  'Bearer realm="x\\',
  '="x"',
  "Bearer realm=a b",
])("reads nothing of %s", (header) => {
  expect(parseChallenges(['Basic realm="fine"', header])).toBeUndefined();
});

function demand(...headers: readonly string[]): Demand | undefined {
  return chooseDemand(parseChallenges(headers) ?? []);
}

function quote(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

test("prefers Bearer, takes the first of several, and needs a realm for it", () => {
  expect(demand("Basic realm=x", 'Bearer realm="one"', 'Bearer realm="two"')).toEqual({
    kind: "bearer",
    realm: "one",
  });
  expect(demand("Bearer", "Basic")).toEqual({ kind: "basic" });
  expect(demand("Negotiate", "Digest realm=x")).toBeUndefined();
});

test.for([
  ["insufficient_scope", "repository:a/b:pull,push", "repository:a/b:pull,push"],
  ["insufficient_scope", "repository:a:pull registry:catalog:*", "repository:a:pull registry:catalog:*"],
  ["insufficient_scope", "repository:pull", undefined],
  ["insufficient_scope", "", undefined],
  ["invalid_token", "repository:a/b:pull", undefined],
] as const)("with error %s and scope %s asks for %s", ([error, scope, expected]) => {
  expect(missingScope({ kind: "bearer", realm: "r", error, scope })).toBe(expected);
});

test("never throws, whatever a header says, and reads back what it is given", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (header) => {
      const challenges = parseChallenges([header]);
      expect(challenges === undefined || Array.isArray(challenges)).toBe(true);
    }),
  );
  const value = fc.string();
  fc.assert(
    fc.property(value, value, (realm, scope) => {
      const parsed = parseChallenges([`Bearer realm=${quote(realm)},scope=${quote(scope)}`]);
      expect(parsed).toEqual([{ scheme: "bearer", params: { realm, scope } }]);
    }),
  );
});
