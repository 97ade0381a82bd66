import type { SeenRequest } from "./fake-registry.ts";
import { refusal, reply } from "./fake-registry-answers.ts";
import type { Answer } from "./faults.ts";
import { digestOf } from "../../core/oci/digest-of.ts";

/** How a fake registry takes blobs. */
export interface UploadOptions {
  /** False: every mount becomes an upload. */
  readonly mounts?: boolean;
  /** Said as OCI-Chunk-Min-Length, and enforced. */
  readonly minChunkBytes?: number;
  /** False: PATCH is refused, as by registries that only take blobs whole. */
  readonly chunks?: boolean;
}

/** Where finished blobs go and mounted ones come from. */
export interface BlobShelf {
  has(repository: string, digest: string): boolean;
  find(digest: string): Buffer | undefined;
  put(repository: string, bytes: Buffer): void;
}

/** The uploads of a fake registry: each location is good for one request, and a wrong offset or digest is refused. */
export interface FakeUploads {
  /** The answer to a request below `/v2/<repository>/blobs/uploads/`. */
  answer(repository: string, id: string, seen: SeenRequest): Answer;
  /** What of a body came before its connection broke. */
  keep(id: string, bytes: Buffer): void;
  /** Uploads that were begun and neither finished nor cancelled. */
  open(): number;
}

interface Session {
  readonly repository: string;
  bytes: Buffer;
  /** Changes with every answer, and must come back in the next request. */
  state: number;
}

/** Begins without uploads. */
export function createFakeUploads(shelf: BlobShelf, options: UploadOptions): FakeUploads {
  const sessions = new Map<string, Session>();
  let count = 0;
  const located = (status: number, id: string, session: Session): Answer => {
    session.state += 1;
    const least = options.minChunkBytes;
    return reply(status, "", {
      location: `/v2/${session.repository}/blobs/uploads/${id}?_state=${session.state}%3D`,
      ...(session.bytes.length > 0 ? { range: `0-${session.bytes.length - 1}` } : {}),
      ...(least === undefined ? {} : { "oci-chunk-min-length": String(least) }),
    });
  };
  const begin = (repository: string, seen: SeenRequest): Answer => {
    const digest = seen.query.get("mount");
    const from = seen.query.get("from");
    const canMount = options.mounts !== false && digest !== null && from !== null && shelf.has(from, digest);
    const mounted = canMount ? shelf.find(digest) : undefined;
    if (mounted !== undefined) {
      shelf.put(repository, mounted);
      return reply(201, "", { location: `/v2/${repository}/blobs/${digest}` });
    }
    count += 1;
    const session: Session = { repository, bytes: Buffer.alloc(0), state: 0 };
    sessions.set(`upload-${count}`, session);
    return located(202, `upload-${count}`, session);
  };
  const patch = (id: string, session: Session, seen: SeenRequest): Answer => {
    if (options.chunks === false) return refusal(405, "UNSUPPORTED");
    const [, first, last] = /^(\d+)-(\d+)$/.exec(seen.headers["content-range"] ?? "") ?? [];
    const isRight =
      Number(first) === session.bytes.length && Number(last) - Number(first) + 1 === seen.body.length;
    if (!isRight) return refusal(416, "BLOB_UPLOAD_INVALID");
    session.bytes = Buffer.concat([session.bytes, seen.body]);
    return located(202, id, session);
  };
  const put = (id: string, session: Session, seen: SeenRequest): Answer => {
    const bytes = Buffer.concat([session.bytes, seen.body]);
    const digest = seen.query.get("digest") ?? "";
    sessions.delete(id);
    if (digestOf(bytes) !== digest) return refusal(400, "DIGEST_INVALID");
    shelf.put(session.repository, bytes);
    return reply(201, "", {
      location: `/v2/${session.repository}/blobs/${digest}`,
      "docker-content-digest": digest,
    });
  };
  return {
    open: () => sessions.size,
    keep: (id, bytes) => {
      const session = sessions.get(id);
      if (session !== undefined) session.bytes = Buffer.concat([session.bytes, bytes]);
    },
    answer: (repository, id, seen) => {
      if (id === "") return seen.method === "POST" ? begin(repository, seen) : refusal(405, "UNSUPPORTED");
      const session = sessions.get(id);
      if (session === undefined || session.repository !== repository)
        return refusal(404, "BLOB_UPLOAD_UNKNOWN");
      if (seen.query.get("_state") !== `${session.state}=`) return refusal(400, "BLOB_UPLOAD_INVALID");
      if (seen.method === "GET") return located(204, id, session);
      if (seen.method === "PATCH") return patch(id, session, seen);
      if (seen.method === "PUT") return put(id, session, seen);
      sessions.delete(id);
      return reply(204, "");
    },
  };
}
