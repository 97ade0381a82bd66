import { expect, test } from "vitest";
import { listed, namesOf, readPlatforms } from "../../cli/lists.ts";
import { platform } from "../support/make.ts";

test("a list may be repeated, and have spaces and empty places", () => {
  expect(listed(["a, b", "", "c,,d"])).toEqual(["a", "b", "c", "d"]);
  expect(listed()).toEqual([]);
});

test("an option that is not given names nothing, one that is given must name something", () => {
  expect(namesOf("--attest", undefined)).toEqual({ ok: true, value: [] });
  expect(namesOf("--attest", ["", "sbom"])).toEqual({ ok: true, value: ["sbom"] });
  for (const empty of [[""], [" , "], ["", ""]])
    expect(namesOf("--attest", empty)).toMatchObject({
      error: { kind: "override-invalid", option: "--attest", detail: "it names nothing" },
    });
});

test.each([
  [undefined, []],
  [["linux/arm64/v8, linux/amd64"], [platform("linux/arm64"), platform("linux/amd64")]],
])("the platforms of %j", (texts, platforms) => {
  expect(readPlatforms(texts)).toEqual({ ok: true, value: platforms });
});

test.each([
  [[""], "it names nothing"],
  [["linux/amr64"], "no platform"],
  [["linux/amd64", "arm 64"], "no platform"],
])("no platforms of %j", (texts, detail) => {
  expect(readPlatforms(texts)).toMatchObject({ error: { option: "--platforms", detail } });
});
