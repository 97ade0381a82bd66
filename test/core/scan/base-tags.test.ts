import fc from "fast-check";
import { expect, test } from "vitest";
import { newerTag } from "../../../core/scan/base-tags.ts";

test.each([
  ["22.3-alpine", ["22.3-alpine", "22.4-alpine", "22.10-alpine", "22.11", "latest"], "22.10-alpine"],
  ["22.3-alpine", ["22.2-alpine", "22.3-slim", "22.4.1-alpine", "22.4-alpine3.20"], undefined],
  // The same major version first, another where there is nothing else.
  ["22.3", ["23.1", "22.4"], "22.4"],
  ["22.3", ["23.1", "24.0", "22.1"], "24.0"],
  ["22-alpine", ["23-alpine", "24-alpine"], "24-alpine"],
  ["v1.2.3", ["1.2.4", "v1.2.4"], "v1.2.4"],
  // Dates are no versions of what is no date.
  ["3.19", ["3.20240101", "3.20"], "3.20"],
  ["3", ["20240329"], undefined],
  ["20240101", ["20240329"], "20240329"],
  ["latest", ["1.0"], undefined],
  ["bookworm-slim", ["trixie-slim"], undefined],
  ["1.2.3.4.5.6.7", ["1.2.3.4.5.6.8"], undefined],
])("%s among %j: %s", (tag, tags, newer) => {
  expect(newerTag(tag, tags)).toBe(newer);
});

test("what is newer is one of the tags, and nothing is newer than it in the same major version", () => {
  const version = fc.tuple(fc.nat(3), fc.nat(30), fc.nat(30)).map((parts) => parts.join("."));
  fc.assert(
    fc.property(version, fc.array(version, { maxLength: 20 }), (tag, tags) => {
      const newer = newerTag(tag, tags);
      if (newer === undefined) return;
      expect(tags).toContain(newer);
      expect(newer).not.toBe(tag);
      expect(
        newerTag(
          newer,
          tags.filter((each) => each.split(".")[0] === newer.split(".")[0]),
        ),
      ).toBeUndefined();
    }),
  );
});
