/**
 * A platform as OCI means it: what an operating system and a CPU must offer to run an image.
 * Field names follow the image spec; `osVersion`/`osFeatures` are spelled `os.version`/`os.features` on the wire.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md
 */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly osVersion?: string;
  readonly osFeatures?: readonly string[];
}
