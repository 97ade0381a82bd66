import { setFlagsFromString } from "node:v8";

/** Keeps memory small while large blobs stream through. */
export interface StreamMemory {
  /** To be told of every piece that passes. */
  readonly onBytes: (bytes: number) => void;
  /** Back to how Node has it. */
  readonly end: () => void;
}

/** So much may pass before it is worth anything. */
const LARGE = 16 * 1024 * 1024;

/**
 * What streams through is garbage at once. A young generation that grows is cleaned up seldom, and keeps more of it: measured
 * with 480 MB from registry to registry, 106 MB of memory at most in place of 158 MB, and no slower. Only while there is
 * much, and undone at the end: compiled code that is kept for the next start is good for the flags that it was made under.
 */
export function streamMemory(): StreamMemory {
  let passed = 0;
  return {
    onBytes: (bytes) => {
      const before = passed;
      passed += bytes;
      if (before < LARGE && passed >= LARGE) setFlagsFromString("--semi-space-growth-factor=1");
    },
    end: () => {
      if (passed >= LARGE) setFlagsFromString("--semi-space-growth-factor=2");
    },
  };
}
