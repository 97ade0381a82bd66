import { isStagingTag } from "../../core/staging/tag.ts";

/** The tags that users see: not those that hold finished variants meanwhile. */
export function publicTags(listing: string): readonly string[] {
  return listing.split("\n").filter((tag) => tag !== "" && !isStagingTag(tag));
}
