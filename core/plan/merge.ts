import type { Field, WrittenBuild } from "./written.ts";

/** The settings of an image with those of one platform over them: maps are merged by key, all else is replaced. */
export function mergeBuild(image: WrittenBuild, platform: WrittenBuild): WrittenBuild {
  const merged: WrittenBuild = { ...image, ...platform };
  return {
    ...merged,
    ...mergedMap("args", image, platform),
    ...mergedMap("contexts", image, platform),
    ...mergedMap("labels", image, platform),
    ...mergedMap("annotations", image, platform),
  };
}

type MapKey = "args" | "contexts" | "labels" | "annotations";

function mergedMap(key: MapKey, image: WrittenBuild, platform: WrittenBuild): WrittenBuild {
  const [under, over] = [image[key], platform[key]];
  return under === undefined || over === undefined ? {} : { [key]: mergeFields(under, over) };
}

function mergeFields(under: readonly Field[], over: readonly Field[]): readonly Field[] {
  return [...new Map([...under, ...over].map((field) => [field.key, field])).values()];
}
