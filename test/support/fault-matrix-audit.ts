import { digestOf } from "../../core/oci/digest-of.ts";
import { parseDigest } from "../../core/oci/digest.ts";
import { OCI } from "./images.ts";

/** Reads a registry with nothing of the product: what is really there. */
export interface Auditor {
  /** The digest that a tag names; undefined where there is no such tag. */
  readonly digestOf: (repository: string, tag: string) => Promise<string | undefined>;
  /** What is missing or wrong below a tag or digest: one sentence each. */
  readonly flaws: (repository: string, reference: string) => Promise<readonly string[]>;
  readonly tags: (repository: string) => Promise<readonly string[]>;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Reads this registry, plain HTTP; with `login`, the credentials of HTTP's basic scheme, where it wants one. */
export function openAuditor(host: string, login?: string): Auditor {
  const get = async (path: string): Promise<{ status: number; body: Buffer }> => {
    const accept = [OCI.index, OCI.manifest].join(", ");
    const headers = { accept, ...(login !== undefined && { authorization: `Basic ${login}` }) };
    const response = await fetch(`http://${host}/v2/${path}`, { headers });
    return { status: response.status, body: Buffer.from(await response.arrayBuffer()) };
  };
  // Nothing is ever deleted here: what was whole once is whole.
  const whole = new Set<string>();
  const flawsOf = async (repository: string, descriptor: Descriptor): Promise<readonly string[]> => {
    const key = `${repository} ${descriptor.digest} ${descriptor.size}`;
    if (whole.has(key)) return [];
    const isDocument = [OCI.index, OCI.manifest].includes(descriptor.mediaType);
    const { status, body } = await get(
      `${repository}/${isDocument ? "manifests" : "blobs"}/${descriptor.digest}`,
    );
    if (status !== 200) return [`${repository}: ${descriptor.mediaType} ${descriptor.digest} is ${status}`];
    if (
      digestOf(body, parseDigest(descriptor.digest)) !== descriptor.digest ||
      body.length !== descriptor.size
    )
      return [`${repository}: ${descriptor.mediaType} ${descriptor.digest} has other content`];
    const flaws = isDocument ? await below(repository, body) : [];
    if (flaws.length === 0) whole.add(key);
    return flaws;
  };
  const below = async (repository: string, body: Buffer): Promise<readonly string[]> => {
    const flaws = await Promise.all(namedIn(body).map((each) => flawsOf(repository, each)));
    return flaws.flat();
  };
  return {
    digestOf: async (repository, tag) => {
      const { status, body } = await get(`${repository}/manifests/${tag}`);
      return status === 200 ? digestOf(body) : undefined;
    },
    flaws: async (repository, reference) => {
      const { status, body } = await get(`${repository}/manifests/${reference}`);
      return status === 200 ? await below(repository, body) : [`${repository}:${reference} is ${status}`];
    },
    tags: async (repository) => {
      const { status, body } = await get(`${repository}/tags/list`);
      const { tags } = status === 200 ? JSON.parse(body.toString("utf8")) : { tags: [] };
      return tags ?? [];
    },
  };
}

function namedIn(body: Buffer): readonly Descriptor[] {
  const { manifests = [], config, layers = [] } = JSON.parse(body.toString("utf8"));
  return [...manifests, ...(config === undefined ? [] : [config]), ...layers];
}

/** Puts blobs and manifests into a registry, with nothing of the product. */
export async function seed(
  host: string,
  repository: string,
  content: {
    readonly blobs: readonly Uint8Array[];
    readonly manifests: readonly {
      readonly reference: string;
      readonly mediaType: string;
      readonly bytes: Uint8Array;
    }[];
  },
): Promise<void> {
  const base = `http://${host}/v2/${repository}`;
  for (const blob of content.blobs) {
    const begun = await expectStatus(fetch(`${base}/blobs/uploads/`, { method: "POST" }), 202);
    const location = new URL(begun.headers.get("location") ?? "", base);
    location.searchParams.set("digest", digestOf(blob));
    await expectStatus(fetch(location, { method: "PUT", body: Buffer.from(blob) }), 201);
  }
  for (const { reference, mediaType, bytes } of content.manifests) {
    const headers = { "content-type": mediaType };
    const put = fetch(`${base}/manifests/${reference}`, { method: "PUT", headers, body: Buffer.from(bytes) });
    await expectStatus(put, 201);
  }
}

async function expectStatus(answer: Promise<Response>, status: number): Promise<Response> {
  const response = await answer;
  await response.clone().arrayBuffer();
  if (response.status !== status) throw new Error(`${response.url} answers ${response.status}`);
  return response;
}
