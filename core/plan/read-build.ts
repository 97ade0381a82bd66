import {
  numberOf,
  parseAttributes,
  rangeOf,
  readAttributeList,
  readAttributes,
  readTextMap,
  slice,
  splitPair,
  textOf,
  textsOf,
} from "./fields.ts";
import type { Build } from "./build.ts";
import type { AttestationPolicy, Emulation } from "./plan.ts";
import type { Problems } from "./problems.ts";
import { readLimit, readTest } from "./read-checks.ts";
import { child } from "./tree.ts";
import type { Value } from "./tree.ts";
import type {
  Attributes,
  Text,
  WrittenAttestation,
  WrittenBuild,
  WrittenPolicy,
  WrittenSsh,
} from "./written.ts";

/** Reads the keys that say how something is built, of an image or of one of its platforms. */
export function readBuild(value: Value, problems: Problems): WrittenBuild {
  return {
    ...readSources(value, problems),
    ...readInputs(value, problems),
    ...readResults(value, problems),
    ...readSettings(value, problems),
  };
}

/** Leaves out what is undefined, so that merging keeps what was said before. */
function said<T extends object>(fields: T): { readonly [K in keyof T]?: Exclude<T[K], undefined> };
function said(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function readSources(value: Value, problems: Problems): WrittenBuild {
  return said({
    context: textOf(child(value, "context")),
    dockerfile: textOf(child(value, "dockerfile")),
    target: textOf(child(value, "target")),
    args: readTextMap(child(value, "args"), problems),
    contexts: readTextMap(child(value, "contexts"), problems),
  });
}

function readInputs(value: Value, problems: Problems): WrittenBuild {
  const ssh = child(value, "ssh");
  return said({
    secrets: readAttributeList(child(value, "secrets"), problems),
    ssh: ssh?.kind === "list" ? ssh.items.flatMap((item) => readSsh(item) ?? []) : undefined,
    cacheFrom: readAttributeList(child(value, "cache-from"), problems),
    cacheTo: readAttributeList(child(value, "cache-to"), problems),
  });
}

function readResults(value: Value, problems: Problems): WrittenBuild {
  return said({
    labels: readTextMap(child(value, "labels"), problems),
    annotations: readTextMap(child(value, "annotations"), problems),
    output: readAttributeList(child(value, "output"), problems),
    ...readAttest(child(value, "attest"), problems),
  });
}

const EMULATION: ReadonlyMap<string, Emulation> = new Map([
  ["never", "never"],
  ["allow", "allow"],
  ["only", "only"],
]);

const PUSH: ReadonlyMap<string, Build["push"]> = new Map([
  ["builder", "builder"],
  ["client", "client"],
]);

function readSettings(value: Value, problems: Problems): WrittenBuild {
  const flag = (name: string) => {
    const found = child(value, name);
    return found?.kind === "scalar" && typeof found.data === "boolean" ? found.data : undefined;
  };
  const builders = child(value, "builders");
  return said({
    noCache: flag("no-cache"),
    pull: flag("pull"),
    push: PUSH.get(textOf(child(value, "push"))?.value ?? ""),
    emulation: EMULATION.get(textOf(child(value, "emulation"))?.value ?? ""),
    builders: builders && textsOf(builders),
    timeoutMs: readLimit("timeout", value, problems),
    stallMs: readLimit("stall", value, problems),
    retries: numberOf(child(value, "retries")),
    test: readTest(child(value, "test"), problems),
  });
}

/** `default`, `id=path`, `id=path,path`, or a map of the same. */
function readSsh(value: Value): WrittenSsh | undefined {
  const text = textOf(value);
  if (text === undefined) {
    const id = textOf(child(value, "id"))?.value;
    return id === undefined ? undefined : { id, range: value.range, paths: textsOf(child(value, "paths")) };
  }
  const pair = splitPair(text);
  if (pair === undefined) return { id: text.value, range: value.range, paths: [] };
  return { id: pair.key, range: value.range, paths: splitList(pair.value) };
}

function splitList(text: Text): readonly Text[] {
  let start = 0;
  return text.value.split(",").flatMap((part) => {
    const piece = slice(text, start, start + part.length);
    start += part.length + 1;
    return part === "" ? [] : [piece];
  });
}

interface Attest {
  readonly provenance?: WrittenAttestation;
  readonly sbom?: WrittenAttestation;
  readonly policy?: WrittenPolicy;
}

const POLICIES: ReadonlyMap<string, AttestationPolicy> = new Map([
  ["keep", "keep"],
  ["strip", "strip"],
  ["require", "require"],
]);

function readPolicy(value: Value | undefined): WrittenPolicy | undefined {
  const text = textOf(value);
  const policy = text && POLICIES.get(text.value);
  return text && policy && { value: policy, range: rangeOf(text) };
}

function readAttest(value: Value | undefined, problems: Problems): Attest {
  if (value?.kind === "list") {
    const items = value.items.map((item) => readAttributes(item, problems));
    return Object.assign({}, ...items.map((item) => readListed(item, problems)));
  }
  return said({
    policy: readPolicy(value) ?? readPolicy(child(value, "policy")),
    provenance: readAttestation(child(value, "provenance"), problems),
    sbom: readAttestation(child(value, "sbom"), problems),
  });
}

/** `type=provenance,mode=max` */
function readListed(item: Attributes, problems: Problems): Attest {
  const type = item.fields.find(({ key }) => key === "type");
  const attestation = { ...item, fields: item.fields.filter((field) => field !== type) };
  switch (type?.value.value) {
    case "provenance":
      return { provenance: enabled(attestation) };
    case "sbom":
      return { sbom: enabled(attestation) };
    default:
      problems.error(
        type ? rangeOf(type.value) : item.range,
        "An attestation is of type provenance or sbom",
        {
          hint: "Write `type=provenance,mode=max` or `type=sbom`",
        },
      );
      return {};
  }
}

/** true, false, `mode=max` or a map. */
function readAttestation(value: Value | undefined, problems: Problems): WrittenAttestation | undefined {
  if (value === undefined) return undefined;
  if (value.kind === "scalar" && value.type === "boolean") {
    return value.data === true ? { range: value.range, fields: [], bare: [] } : false;
  }
  const text = textOf(value);
  if (text?.value === "false") return false;
  if (text?.value === "true") return { range: value.range, fields: [], bare: [] };
  return enabled(text ? parseAttributes(text, problems) : readAttributes(value, problems));
}

function enabled(attestation: Attributes): WrittenAttestation {
  const disabled = attestation.fields.find(({ key }) => key === "disabled");
  if (disabled?.value.value === "true") return false;
  return { ...attestation, fields: attestation.fields.filter((field) => field !== disabled) };
}
