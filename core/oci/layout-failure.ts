import type { Digest } from "./digest.ts";

/** Why an OCI layout cannot be used; `path` is the layout's folder or tar file as it was named. */
export type LayoutFailure =
  /** There is nothing at this path. */
  | { readonly kind: "layout-missing"; readonly path: string }
  /** Something is there, and it is no OCI layout (or one that is damaged). */
  | { readonly kind: "layout-invalid"; readonly path: string; readonly detail: string }
  /** The layout has no such image, manifest or blob; `known` are the tags that it has. */
  | {
      readonly kind: "layout-content-missing";
      readonly path: string;
      readonly reference: string;
      readonly known: readonly string[];
    }
  /** A blob whose bytes are not those of its name. */
  | {
      readonly kind: "layout-content-damaged";
      readonly path: string;
      readonly digest: Digest;
      readonly detail: string;
    }
  /** It cannot be read or written: permissions, a full disk; `detail` is the system's word. */
  | { readonly kind: "layout-inaccessible"; readonly path: string; readonly detail: string }
  /** The run was interrupted while the layout was read or written. */
  | { readonly kind: "layout-cancelled"; readonly path: string };
