import { palette } from "../text/colour.ts";
import { visible } from "../text/safe.ts";
import { renderTable } from "../text/table.ts";
import { formatBytes, shortDigest } from "../text/units.ts";
import { clipEnd, clipMiddle, displayWidth } from "../text/width.ts";
import type { Column, TableOptions } from "../text/table.ts";

/** What a tag holds, as `inspect` shows it. A single image without an index has one platform. */
export interface InspectView {
  readonly reference: string;
  readonly mediaType: string;
  readonly digest: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly platforms: readonly InspectPlatform[];
  /** What a reader should know of besides. */
  readonly notes?: readonly string[];
}

export interface InspectPlatform {
  readonly platform: string;
  readonly digest: string;
  /** Config and layers, compressed, in bytes. */
  readonly size: number;
  readonly layers: readonly { readonly digest: string; readonly size: number }[];
  readonly attestations: readonly InspectAttestation[];
}

/** A statement that is attached to an image; `predicateType` says what it states. */
export interface InspectAttestation {
  readonly predicateType: string;
  readonly digest: string;
  readonly size: number;
}

interface SharedLayer {
  readonly digest: string;
  readonly size: number;
  readonly platforms: readonly string[];
}

/** What attestations state, by the start of their predicate type. */
const PREDICATES: readonly (readonly [string, { readonly name: string; readonly words: string }])[] = [
  ["https://slsa.dev/provenance/", { name: "provenance", words: "how it was built (SLSA)" }],
  ["https://spdx.dev/", { name: "sbom", words: "what is inside (SPDX)" }],
  ["https://cyclonedx.org/", { name: "sbom", words: "what is inside (CycloneDX)" }],
];

/** The answer of `inspect`: the index, its platforms, layers that platforms share, attestations in words, annotations. */
export function inspectView(view: InspectView, options: TableOptions): string {
  const shared = sharedLayers(view.platforms);
  return [
    head(view, options),
    renderTable(view.platforms, platformColumns(shared), options),
    section(
      "Layers shared between platforms",
      renderTable([...shared.values()], LAYER_COLUMNS, { ...options, indent: 2 }),
      options,
    ),
    section(
      "Attestations",
      renderTable(view.platforms.flatMap(statements), STATEMENT_COLUMNS, { ...options, indent: 2 }),
      options,
    ),
    section("Annotations", annotationLines(view.annotations, options), options),
    section(
      "Notes",
      (view.notes ?? []).map((note) => `  ${visible(note)}`),
      options,
    ),
  ]
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

/** The answer of `inspect --platforms`. */
export function platformList(
  platforms: readonly Pick<InspectPlatform, "platform" | "digest">[],
  options: TableOptions,
): string {
  const columns: readonly Column<Pick<InspectPlatform, "platform" | "digest">>[] = [
    { heading: "PLATFORM", cell: ({ platform }) => visible(platform) },
    { heading: "MANIFEST", cell: ({ digest }) => digest, short: shortDigest },
  ];
  return renderTable(platforms, columns, options).join("\n");
}

function head(view: InspectView, options: TableOptions): readonly string[] {
  const { strong, faint } = palette(options.colour);
  const digest = displayWidth(view.digest) <= options.width - 8 ? view.digest : shortDigest(view.digest);
  return [
    strong(clipMiddle(visible(view.reference), options.width)),
    `${faint("digest")}  ${digest}`,
    `${faint("type")}    ${clipMiddle(visible(view.mediaType), options.width - 8)}`,
  ];
}

function platformColumns(shared: ReadonlyMap<string, SharedLayer>): readonly Column<InspectPlatform>[] {
  return [
    { heading: "PLATFORM", cell: ({ platform }) => visible(platform) },
    { heading: "MANIFEST", cell: ({ digest }) => digest, short: shortDigest },
    { heading: "SIZE", cell: ({ size }) => formatBytes(size), align: "right", drop: 1 },
    {
      heading: "LAYERS",
      cell: ({ layers }) => {
        const amount = layers.filter(({ digest }) => shared.has(digest)).length;
        return amount === 0 ? String(layers.length) : `${layers.length} (${amount} shared)`;
      },
      short: (text) => text.replace(" shared", ""),
      drop: 2,
    },
    { heading: "ATTESTATIONS", cell: attestationNames, drop: 3 },
  ];
}

function attestationNames({ attestations }: InspectPlatform): string {
  const names = attestations.map(({ predicateType }) => predicateOf(predicateType).name);
  return names.length === 0 ? "none" : [...new Set(names)].join(", ");
}

function predicateOf(type: string): { readonly name: string; readonly words: string } {
  const known = PREDICATES.find(([start]) => type.startsWith(start));
  return known?.[1] ?? { name: "other", words: visible(type) };
}

const LAYER_COLUMNS: readonly Column<SharedLayer>[] = [
  { heading: "LAYER", cell: ({ digest }) => digest, short: shortDigest },
  { heading: "SIZE", cell: ({ size }) => formatBytes(size), align: "right" },
  { heading: "PLATFORMS", cell: ({ platforms }) => platforms.map(visible).join(", "), clip: true },
];

type Statement = InspectAttestation & { readonly platform: string };

const STATEMENT_COLUMNS: readonly Column<Statement>[] = [
  { heading: "PLATFORM", cell: ({ platform }) => visible(platform) },
  { heading: "STATES", cell: ({ predicateType }) => predicateOf(predicateType).words, clip: true },
  { heading: "DIGEST", cell: ({ digest }) => digest, short: shortDigest },
  { heading: "SIZE", cell: ({ size }) => formatBytes(size), align: "right", drop: 1 },
];

function statements({ platform, attestations }: InspectPlatform): readonly Statement[] {
  return attestations.map((attestation) => ({ ...attestation, platform }));
}

/** Layers that more than one platform has, in the order in which they are met. */
function sharedLayers(platforms: readonly InspectPlatform[]): ReadonlyMap<string, SharedLayer> {
  const all = platforms.flatMap(({ platform, layers }) => layers.map((layer) => ({ ...layer, platform })));
  const byDigest = [...Map.groupBy(all, ({ digest }) => digest)];
  return new Map(
    byDigest.flatMap(([digest, uses]): [string, SharedLayer][] => {
      const names = [...new Set(uses.map(({ platform }) => platform))];
      return names.length < 2 ? [] : [[digest, { digest, size: uses[0]?.size ?? 0, platforms: names }]];
    }),
  );
}

function section(title: string, lines: readonly string[], options: TableOptions): readonly string[] {
  return lines.length === 0 ? [] : [palette(options.colour).strong(title), ...lines];
}

function annotationLines(
  annotations: Readonly<Record<string, string>>,
  options: TableOptions,
): readonly string[] {
  return Object.entries(annotations).map(([key, value]) =>
    clipEnd(`  ${visible(key)} = ${visible(value)}`, options.width),
  );
}
