import * as z from "zod/mini";

/**
 * What an image's config sets, one text for each setting, in an order that does not depend on how the config was written:
 * `entrypoint`, `user`, `env PATH`, `label org.opencontainers.image.version`, `exposed port 80/tcp`. Settings of other tools
 * come under the name of their field. Platform, layers and history are not among them. Empty where the bytes are no config.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties
 */
export function configSettings(bytes: Uint8Array): ReadonlyMap<string, string> {
  const read = config.safeParse(parseJson(bytes));
  if (!read.success) return new Map();
  const { created, author, config: inner } = read.data;
  const settings = [
    ...Object.entries(inner).flatMap(([field, value]) => settingsOf(field, value)),
    ...(author === "" ? [] : [["author", author] as const]),
    ...(created === "" ? [] : [["created", created] as const]),
  ];
  return new Map(settings.toSorted(([one], [other]) => rank(one) - rank(other) || compare(one, other)));
}

const text = z.catch(z.string(), "");
const config = z.looseObject({
  created: text,
  author: text,
  config: z.catch(z.record(z.string(), z.unknown()), {}),
});
const texts = z.array(z.string());
const record = z.record(z.string(), z.unknown());

/** Fields that hold many settings, and what one of them is called. */
const MANY: Readonly<Record<string, string>> = {
  Labels: "label",
  ExposedPorts: "exposed port",
  Volumes: "volume",
};

const ORDER = [
  "entrypoint",
  "cmd",
  "user",
  "working dir",
  "env",
  "exposed port",
  "volume",
  "label",
  "created",
];

type Setting = readonly [name: string, value: string];

function settingsOf(field: string, value: unknown): readonly Setting[] {
  if (value === null || value === "" || value === false) return [];
  const lines = field === "Env" ? texts.safeParse(value) : undefined;
  if (lines?.success === true) return lines.data.map(variable);
  const one = Object.hasOwn(MANY, field) ? MANY[field] : undefined;
  const many = one === undefined ? undefined : record.safeParse(value);
  if (many?.success === true)
    return Object.entries(many.data).map(([key, each]) => [`${one} ${key}`, textOf(each)]);
  return [[nameOf(field), textOf(value)]];
}

function variable(line: string): Setting {
  const at = line.indexOf("=");
  return at === -1 ? [`env ${line}`, ""] : [`env ${line.slice(0, at)}`, line.slice(at + 1)];
}

/** `WorkingDir` -> `working dir` */
function nameOf(field: string): string {
  return field.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter}`).toLowerCase();
}

/** An empty object is how Docker writes sets. */
function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  const json = JSON.stringify(value);
  return json === "{}" ? "" : json;
}

function rank(name: string): number {
  const at = ORDER.findIndex((first) => name === first || name.startsWith(`${first} `));
  return at === -1 ? ORDER.length : at;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
