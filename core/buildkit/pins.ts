import type { Version } from "../host/tools.ts";

/** The BuildKit that `setup` installs. `tools/go.mod` names the same version. */
export const BUILDKIT_VERSION: Version = [0, 33, 1];

/** The docker buildx that `setup --buildx` installs. `tools/go.mod` names the same version. */
export const BUILDX_VERSION: Version = [0, 37, 2];

/** The oldest BuildKit that does all we ask of it: progress as raw JSON and several exporters in one solve. */
export const OLDEST_BUILDKIT: Version = [0, 13, 0];

/** The oldest docker buildx that has `dial-stdio`. */
export const OLDEST_BUILDX: Version = [0, 13, 0];

/** The first Go that fetches the toolchain which a go.mod asks for. @see https://go.dev/doc/toolchain */
export const OLDEST_GO: Version = [1, 21, 0];

/** Where BuildKit's release archives are. */
export const BUILDKIT_RELEASES = "https://github.com/moby/buildkit/releases/download";

/** SHA-256 of `buildkit-v0.33.1.linux-<architecture>.tar.gz`, by OCI architecture. */
export const BUILDKIT_ARCHIVES: Readonly<Record<string, string>> = {
  amd64: "4e044bcd62a0c0bbe6a8c94d73989de2bfe4c04dbc0f9d6021cf96b72cd1d965",
  arm64: "4e1ba91f139761f249a1fa6c71e632dfdbdafeda416176ecadefbb95225e56c4",
};
