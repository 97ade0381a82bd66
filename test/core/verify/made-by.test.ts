import { expect, test } from "vitest";
import { baseFrom, isBaseLayer, madeBy, placeOf } from "../../../core/verify/made-by.ts";
import type { ImageToVerify } from "../../../core/verify/verified.ts";
import { makeImage, type ImageSpec } from "../../support/verify-images.ts";

const line = (
  createdBy: string,
  emptyLayer = false,
): { createdBy: string; emptyLayer: boolean; comment: string } => ({
  createdBy,
  emptyLayer,
  comment: "",
});

const HISTORY = [
  line("ADD rootfs / "),
  line("ENV A=1", true),
  line("COPY  a\n /a"),
  line("CMD x", true),
  line(" "),
];

test("lines that made no layer are passed over; without a line for each layer there is none", () => {
  const config = { history: HISTORY };
  expect([0, 1, 2, 3].map((layer) => madeBy(config, 3, layer))).toEqual([
    "ADD rootfs /",
    "COPY a /a",
    undefined,
    undefined,
  ]);
  expect(madeBy(config, 2, 0)).toBeUndefined();
  expect(madeBy({ history: [line("x".repeat(1000))] }, 1, 0)).toHaveLength(200);
});

const DOCKERFILE =
  "FROM debian AS build\nRUN make\nFROM debian\nCOPY --from=build /out/server /server\nRUN chmod +x /server\n";

function image(
  makers: readonly string[],
  more: Partial<ImageSpec> = {},
): ReturnType<typeof makeImage>["image"] {
  const layers = makers.map((maker) => ({ files: { [maker]: "other" }, madeBy: maker }));
  return makeImage({ platform: "linux/amd64", layers, ...more }).image;
}

const OWN = ["COPY /out/server /server # buildkit", "RUN /bin/sh -c chmod +x /server # buildkit"];

test("the base lies below what the Dockerfile's lines made", () => {
  const built = image(["ADD rootfs / # buildkit", "RUN /bin/sh -c make # buildkit", ...OWN], {
    dockerfile: DOCKERFILE,
  });
  expect([0, 1, 2, 3].map((layer) => isBaseLayer(built, layer))).toEqual([true, true, false, false]);
  const only = image(["ADD rootfs / # buildkit"], { dockerfile: "FROM debian\nCMD x\n" });
  expect(isBaseLayer(only, 0)).toBe(true);
});

test("without a Dockerfile the first of several is taken for it, unless it was copied", () => {
  expect([0, 1].map((layer) => isBaseLayer(image(["ADD rootfs / # buildkit", ...OWN]), layer))).toEqual([
    true,
    false,
  ]);
  expect(isBaseLayer(image(OWN), 0)).toBe(false);
  expect(isBaseLayer(image(["/bin/sh -c #(nop) COPY file:1 in / ", "x"]), 0)).toBe(false);
  expect(isBaseLayer(image(["ADD rootfs / # buildkit"]), 0)).toBe(false);
});

test("a place has the line of the Dockerfile where that is known, a base image's the FROM that chose it", () => {
  const built = image(["ADD rootfs / # buildkit", ...OWN], { dockerfile: DOCKERFILE });
  const place = placeOf(built, 1, "/server");
  expect(place.image).toMatchObject({ path: "/server", madeBy: OWN[0], layer: built.layers[1]?.digest });
  expect(DOCKERFILE.slice(place.location?.range.start, place.location?.range.end)).toBe(
    "COPY --from=build /out/server /server",
  );
  const from = placeOf(built, 0);
  expect(from.image.madeBy).toBe("ADD rootfs / # buildkit");
  expect(DOCKERFILE.slice(from.location?.range.start, from.location?.range.end)).toMatch(/^FROM (?!.*AS )/);
  expect(placeOf(image(OWN), 0).location).toBeUndefined();
});

test("the FROM of the base image is found through stages, and from the target", () => {
  const text =
    "FROM alpine AS own\nRUN a\nFROM debian AS other\nRUN b\nFROM own AS third\nCOPY x /\nFROM other\n";
  const start = (request?: ImageToVerify["request"]): number | undefined => {
    const built = image(OWN, { dockerfile: text });
    return baseFrom({ ...built, ...(request === undefined ? {} : { request }) })?.range.start;
  };
  const request = { platform: { os: "linux", architecture: "amd64" }, args: {}, contexts: {} };
  expect(start()).toBe(text.indexOf("FROM debian"));
  expect(start({ ...request, target: "Third" })).toBe(0);
  expect(start({ ...request, target: "none" })).toBeUndefined();
  expect(baseFrom(image(OWN, { dockerfile: "nonsense" }))).toBeUndefined();
  expect(baseFrom(image(OWN))).toBeUndefined();
});
