import { expect, test } from "vitest";
import { parseToken } from "../../../core/registry/token.ts";

const NOW = Date.UTC(2026, 0, 1);

function parse(answer: unknown) {
  return parseToken(Buffer.from(typeof answer === "string" ? answer : JSON.stringify(answer)), NOW);
}

test.for([
  [{ token: "t", expires_in: 300 }, NOW + 300_000],
  [{ access_token: "t", expires_in: 300 }, NOW + 300_000],
  [{ token: "t", access_token: "other" }, NOW + 60_000],
  [{ token: "t", expires_in: 5 }, NOW + 60_000],
  [{ token: "t", expires_in: 100, issued_at: "2026-01-01T00:00:10+00:00" }, NOW + 110_000],
  [{ token: "t", expires_in: 100, issued_at: "0001-01-01T00:00:00Z" }, NOW + 100_000],
  [{ token: "t", expires_in: 100, issued_at: "yesterday" }, NOW + 100_000],
] as const)("reads %j", ([answer, expiresAtMs]) => {
  expect(parse(answer)).toEqual({ value: "t", expiresAtMs });
});

test("keeps a refresh token that comes along", () => {
  expect(parse({ access_token: "t", refresh_token: "r" })).toMatchObject({ value: "t", refreshToken: "r" });
});

test.for(["", "[]", "{}", '{"token":""}', '{"token":1}', '{"token":"a\\r\\nb: c"}', '{"token":"a b"}'])(
  "finds no token in %s",
  (answer) => {
    expect(parse(answer)).toBeUndefined();
  },
);
