import { normalizePlatform } from "../../platforms/platform.ts";
import { rangeOf } from "./fields.ts";
import { hintFor, nearest } from "./nearest.ts";
import { useAnywhere } from "./paths.ts";
import { complain, resolveText, resolveTexts } from "./place.ts";
import type { Place, PlanPlace, Resolved } from "./place.ts";
import { readPlatform } from "./platforms.ts";
import type { Builder, BuilderReach, BuilderTls } from "./plan.ts";
import type { SourceFile } from "./source.ts";
import type { Text, WrittenBuilder } from "./written.ts";

/** Resolves the builders of a plan; those that are not usable are reported and left out. */
export function resolveBuilders(
  builders: readonly WrittenBuilder[],
  file: SourceFile,
  place: Place,
): readonly Builder[] {
  return builders.flatMap((builder) => {
    const reach = reachOf(builder, place);
    const platforms = builder.platforms?.flatMap((text) => {
      const resolved = resolveText(text, place);
      const platform = resolved && readPlatform(resolved, place.problems);
      return platform === undefined ? [] : [normalizePlatform(platform)];
    });
    if (reach === undefined) return [];
    const { name, range, maxParallelism } = builder;
    return [
      {
        name,
        reach,
        ...(platforms && { platforms }),
        ...(maxParallelism !== undefined && { maxParallelism }),
        location: { file, range },
      },
    ];
  });
}

/** Resolves the names of the builders that something may be built by; one that the plan does not have is reported and left out. */
export function resolvePermitted(texts: readonly Text[], place: PlanPlace): readonly string[] {
  const permitted = new Map<string, Resolved>();
  for (const each of resolveTexts(texts, place)) {
    const first = permitted.get(each.value);
    if (first !== undefined) reportTwice(each, first, place);
    else if (place.builders.includes(each.value)) permitted.set(each.value, each);
    else reportUnknown(each, place);
  }
  return [...permitted.keys()];
}

function reportTwice({ value, text }: Resolved, first: Resolved, { problems }: PlanPlace): void {
  const related = { message: "First named here", range: rangeOf(first.text) };
  problems.error(rangeOf(text), `The builder \`${value}\` is named twice`, {
    hint: "Keep one of the two",
    related,
  });
}

function reportUnknown({ value, text }: Resolved, place: PlanPlace): void {
  const hint =
    place.builders.length === 0
      ? "Give it a place under `builders:` of the plan"
      : hintFor(value, place.builders);
  complain(text, `The plan has no builder \`${value.slice(0, 60)}\``, hint, place);
}

function reachOf(builder: WrittenBuilder, place: Place): BuilderReach | undefined {
  const { buildkit, buildx, name, range, tls } = builder;
  if ((buildkit === undefined) === (buildx === undefined)) {
    const hint = "Give it `buildkit:` with an address, or `buildx:` with the name of a buildx builder";
    const message = buildkit === undefined ? "does not say where it is" : "has two addresses";
    if (!place.problems.hasErrorAt(range))
      place.problems.error(range, `Builder \`${name}\` ${message}`, { hint });
    return undefined;
  }
  if (buildx !== undefined) return buildxReach(buildx, builder, place);
  const address = resolveText(buildkit, place);
  if (address === undefined || buildkit === undefined) return undefined;
  if (!isAddress(address.value, buildkit, place)) return undefined;
  if (tls === undefined) return { kind: "buildkit", address: address.value };
  return { kind: "buildkit", address: address.value, tls: tlsOf(builder, address.value, place) };
}

function buildxReach(text: Text, { tlsRange }: WrittenBuilder, place: Place): BuilderReach | undefined {
  const name = resolveText(text, place)?.value;
  if (tlsRange !== undefined) {
    place.problems.error(
      tlsRange,
      "`tls` is for an address only; buildx knows its own builders' certificates",
    );
  }
  if (name === undefined) return undefined;
  // It becomes an argument of docker, which would take it for an option.
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name)) return { kind: "buildx", builder: name };
  return complain(text, `\`${name.slice(0, 60)}\` cannot be the name of a buildx builder`, undefined, place);
}

const SCHEMES = [
  "unix",
  "tcp",
  "ssh",
  "npipe",
  "docker-container",
  "podman-container",
  "nerdctl-container",
  "kube-pod",
];
const EXAMPLE = "Write for instance tcp://host:1234, unix:///path/of/socket or docker-container://name";

function isAddress(address: string, text: Text, place: Place): boolean {
  const [, scheme = "", rest = ""] = /^([A-Za-z][A-Za-z0-9+-]*):\/\/(.*)$/s.exec(address) ?? [];
  if (SCHEMES.includes(scheme) && /^[^\s]+$/.test(rest)) {
    if (scheme !== "tcp" || /:\d+$/.test(rest)) return true;
    complain(
      text,
      "A tcp:// address needs a port",
      `Write for instance tcp://${rest.slice(0, 60)}:1234`,
      place,
    );
    return false;
  }
  const meant = nearest(scheme, SCHEMES);
  const hint = meant === undefined ? EXAMPLE : `Did you mean ${meant}://${rest.slice(0, 100)}?`;
  complain(text, `\`${address.slice(0, 200)}\` is no address of a BuildKit`, hint, place);
  return false;
}

function tlsOf(builder: WrittenBuilder, address: string, place: Place): BuilderTls {
  const { tls = [], tlsRange = builder.range } = builder;
  if (!address.startsWith("tcp://")) place.problems.error(tlsRange, "`tls` is for tcp:// addresses only");
  const values = new Map<string, string>();
  for (const { key, value } of tls) {
    const resolved = resolveText(value, place)?.value;
    if (resolved === undefined) continue;
    values.set(
      key,
      key === "servername" ? resolved : useAnywhere(resolved, value, "certificate", place.paths),
    );
  }
  const [caCert, cert, key, serverName] = ["ca", "cert", "key", "servername"].map((name) => values.get(name));
  if ((cert === undefined) !== (key === undefined)) {
    place.problems.error(tlsRange, "A client certificate needs both `cert` and `key`");
  }
  return {
    ...(caCert && { caCert }),
    ...(cert && { cert }),
    ...(key && { key }),
    ...(serverName && { serverName }),
  };
}
