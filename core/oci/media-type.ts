/**
 * Media types of image documents, in both spellings: Docker's, which came first, and OCI's. They mean the same documents,
 * but for annotations, which only OCI's have.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/media-types.md
 */
export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const OCI_CONFIG = "application/vnd.oci.image.config.v1+json";
export const DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json";
export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
export const DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json";

/** What to accept from a registry where any image document will do. */
export const DOCUMENT_TYPES: readonly string[] = [OCI_INDEX, DOCKER_INDEX, OCI_MANIFEST, DOCKER_MANIFEST];

/** Does it name several images, one for each platform? */
export function isIndex(mediaType: string): boolean {
  return mediaType === OCI_INDEX || mediaType === DOCKER_INDEX;
}

/** Is it one image (or artifact): a config and layers? */
export function isManifest(mediaType: string): boolean {
  return mediaType === OCI_MANIFEST || mediaType === DOCKER_MANIFEST;
}

/** Is it the config of an image that can be run, and not of some other artifact? */
export function isImageConfig(mediaType: string): boolean {
  return mediaType === OCI_CONFIG || mediaType === DOCKER_CONFIG;
}

/** Docker's documents, all of them: an index of nothing else is a Docker manifest list. */
export function isDockerType(mediaType: string): boolean {
  return mediaType.startsWith("application/vnd.docker.");
}

/**
 * Is it a layer that its owner alone may distribute (Windows' base layers, formerly)? Where its descriptor names URLs, no
 * registry has to hold it.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#non-distributable-layers
 */
export function isNonDistributable(mediaType: string): boolean {
  return (
    mediaType.startsWith("application/vnd.oci.image.layer.nondistributable.v1.") ||
    mediaType.startsWith("application/vnd.docker.image.rootfs.foreign.diff.tar")
  );
}

/** Is it a layer, or what BuildKit's cache puts beside layers? Such entries of an index are blobs, and no manifests. */
export function isLayer(mediaType: string): boolean {
  return /^application\/vnd\.(?:oci\.image\.layer|docker\.image\.rootfs|buildkit\.cacheconfig)\./.test(
    mediaType,
  );
}
