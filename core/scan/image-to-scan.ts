import type { Platform } from "../../platforms/platform.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { Store, StoreFailure } from "../registry/store.ts";
import type { Result } from "../result.ts";

/** One image of one platform, and where it is. */
export interface ImageToScan {
  /** As findings name it. */
  readonly reference: string;
  readonly platform: Platform;
  readonly store: Store;
  readonly manifest: Digest;
  /** What is attested of it: one of these may be its SBOM. */
  readonly statements: () => Promise<Result<readonly StatementPlace[], StoreFailure>>;
}

/** Where a statement is, and what it states. */
export interface StatementPlace {
  /** `https://spdx.dev/Document` */
  readonly predicateType: string;
  readonly content: Pick<Descriptor, "digest" | "size">;
}
