import fc from "fast-check";
import { expect, test } from "vitest";
import { parsePurl } from "../../../core/scan/purl.ts";

const read = (text: string): unknown => {
  const purl = parsePurl(text);
  if (purl === undefined) return undefined;
  const { type, namespace, name, version, qualifiers } = purl;
  return [type, namespace, name, version, Object.fromEntries(qualifiers)];
};

// https://github.com/package-url/purl-spec/blob/main/PURL-SPECIFICATION.rst
test.each([
  [
    "pkg:deb/debian/curl@7.50.3-1?arch=i386&distro=jessie",
    ["deb", "debian", "curl", "7.50.3-1", { arch: "i386", distro: "jessie" }],
  ],
  [
    "pkg:deb/debian/dpkg@1:1.21%2Bx?Distro=debian-12",
    ["deb", "debian", "dpkg", "1:1.21+x", { distro: "debian-12" }],
  ],
  ["pkg:npm/%40angular/animation@12.3.1", ["npm", "@angular", "animation", "12.3.1", {}]],
  ["pkg:npm/@angular/animation@12.3.1", ["npm", "@angular", "animation", "12.3.1", {}]],
  ["pkg:npm/@angular/animation", ["npm", "@angular", "animation", "", {}]],
  [
    "pkg:golang/google.golang.org/genproto@v1#googleapis/api/annotations",
    ["golang", "google.golang.org", "genproto", "v1", {}],
  ],
  ["pkg:golang/github.com/spf13/cobra", ["golang", "github.com/spf13", "cobra", "", {}]],
  ["PKG:PyPI/django@1.11.1", ["pypi", "", "django", "1.11.1", {}]],
  ["pkg://deb//debian//curl@1", ["deb", "debian", "curl", "1", {}]],
  ["pkg:gem/a%ZZ@1", ["gem", "", "a%ZZ", "1", {}]],
  ["pkg:gem/a@1?=x&b&c=&d=%2Fe=f", ["gem", "", "a", "1", { c: "", d: "/e=f" }]],
])("reads %s", (text, parts) => {
  expect(read(text)).toEqual(parts);
});

test.each([
  "",
  "pkg",
  "pkg:",
  "pkg:npm",
  "pkg:npm/",
  "pkg:npm/@1",
  "npm/a@1",
  "http://a.example/b@1",
  "pkg:///",
])("takes %j for none", (text) => {
  expect(read(text)).toBeUndefined();
});

test("reads back whatever is encoded, and throws on nothing", () => {
  const text = fc
    .string({ minLength: 1, maxLength: 20, unit: "grapheme" })
    .filter((each) => each.isWellFormed());
  fc.assert(
    fc.property(text, text, text, fc.string(), (namespace, name, version, any) => {
      const encoded = [namespace, name, version].map(encodeURIComponent);
      expect(read(`pkg:npm/${encoded[0]}/${encoded[1]}@${encoded[2]}`)).toEqual([
        "npm",
        namespace,
        name,
        version,
        {},
      ]);
      expect(() => parsePurl(`pkg:${any}`)).not.toThrow();
    }),
  );
});
