import { expect, test } from "vitest";
import { metadataTags } from "../../../core/init/metadata-tags.ts";

test.each([
  // Rules, flavor, tags, how many are left out.
  [[], [], ["${release}", "latest"], 3],
  [["type=ref,event=tag"], ["latest=false"], ["${release}"], 0],
  [["type=semver,pattern={{raw}}", "type=semver,pattern={{version}}"], [], ["${release}", "latest"], 1],
  [["type=raw,value=stable", "edge", "type=raw,value={{branch}}-x"], [], ["stable", "edge"], 1],
  [["type=sha", "type=sha,format=long,prefix="], [], ["sha-${git.short-sha:-dev}", "${git.sha:-dev}"], 0],
  [["type=raw,value=a,enable=false", "type=raw,value=b,enable=true"], [], ["b"], 0],
  [["type=raw,value=a,enable=${{ x }}"], [], [], 1],
  [["type=ref,event=tag,prefix=v,suffix=-alpine"], [], ["v${release}-alpine"], 0],
  [["type=schedule,pattern=nightly", "type=edge", "type=pep440,pattern={{version}}"], [], [], 3],
  [["type=raw,value=a"], ["latest=true", "prefix=x"], ["a", "latest"], 1],
])("%j with flavor %j", (rules, flavor, tags, leftOut) => {
  const made = metadataTags(rules, flavor);
  expect(made.tags).toEqual(tags);
  expect(made.leftOut).toHaveLength(leftOut);
});
