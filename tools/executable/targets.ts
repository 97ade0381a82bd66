/** A platform that has an executable: one that a Node is published for on npm, and that can be made on Linux. */
export interface Target {
  /** `<os>-<architecture>`, in OCI's words: the Node of this name goes into it. */
  readonly name: string;
  readonly file: string;
}

/** Not macOS: it starts no program that was changed after it was signed, and nothing here can sign one. */
export const TARGETS: readonly Target[] = [
  { name: "linux-amd64", file: "buildx-plan-linux-amd64" },
  { name: "linux-arm64", file: "buildx-plan-linux-arm64" },
  { name: "windows-amd64", file: "buildx-plan-windows-amd64.exe" },
];
