import { expect, test } from "vitest";
import { withLost } from "../../../core/route/lost.ts";
import { variant } from "../../support/make.ts";

const LOST = { node: "arm/one", builder: "arm", address: "tcp://arm:1", detail: "it gave no answer" };

test("a node that is lost is named beside those that were considered", () => {
  const refused = {
    kind: "route-refused",
    variant: variant("linux/arm64"),
    considered: [{ node: "here", why: "would-emulate" }],
  } as const;
  expect(withLost([refused], [LOST])[0]?.considered).toEqual([
    { node: "here", why: "would-emulate" },
    { node: "arm/one", why: "lost" },
  ]);
});

test.each([
  [["arm", "cloud"], "lost"],
  [["cloud"], "not-permitted"],
] as const)("a lost node may be meant by `builders: %s`: %s", (builders, why) => {
  const refused = {
    kind: "route-refused",
    variant: variant("linux/arm64", { builders }),
    considered: [],
  } as const;
  expect(withLost([refused], [LOST])[0]?.considered).toEqual([{ node: "arm/one", why }]);
});
